"""The encoder over the utterance only, with rows of different lengths in one batch.

A row's length is its window: speech and the silence that the caller put behind it, in whole positions of 320
samples. Everything behind a row's window is zeroed before each convolution and masked in attention, so that a row
in a batch sees exactly what it would see alone.
"""

from dataclasses import dataclass

import numpy as np
from onnx import helper

from checkpoint import Checkpoint
from graph import FLOAT, HALF_MAXIMUM, Graph, Initialisers, value_info
from linear import multiply
from mel import LOG_SILENCE, log_mel

POSITION_SAMPLES = 320
HALF_CLIP = HALF_MAXIMUM - 1000


@dataclass(frozen=True)
class Past:
    """What an earlier inference made of the beginning of the same utterances. L layers, Q positions at most.

    An utterance that goes on need not be encoded again from its beginning: its new positions attend to the keys and
    values that the old ones had. Old ones have not seen what came since; a second of it is all they would want.
    """

    layers: list[str]  # 2 L of (B, Q, width): keys and values in turns
    states: str  # (B, Q, width)
    positions: str  # (B, 1) how many of Q each row has
    context: str  # (1,) positions at the head of `pcm` that are among them, for the convolutions to start with
    peak: str  # (B) largest log10 energy


@dataclass(frozen=True)
class Encoded:
    states: str  # (B, Q + T, width), those of the past first
    positions: str  # (B, 1) how many each row has, past included
    visible: str  # (B, Q + T) bool
    new: list[str]  # of the T new positions: keys and values of each layer in turns, then the states; (B, T, width)
    peak: str  # (B)


def past_inputs(g: Graph, model: Checkpoint) -> Past:
    """The graph's inputs `past` (2 L + 1, B, Q, width), `past_positions` (B), `past_context` (1), `past_peak` (B)."""
    parts = 2 * model.sizes.encoder_layers + 1
    g.section = "past"
    split = g("Split", g.narrow("past"), outputs=parts, axis=0, num_outputs=parts)
    layers = [g("Squeeze", part, g.ints(0)) for part in split]
    positions = g("Unsqueeze", "past_positions", g.ints(1))
    return Past(layers[:-1], layers[-1], positions, "past_context", "past_peak")


def no_past(g: Graph, model: Checkpoint) -> Past:
    """The rows of `pcm` begin their utterances."""
    g.section = "past"
    batch = g.dim("pcm", 0)
    nothing = g.filled(g.shape(batch, 0, model.sizes.width), 0, "float32")
    positions = g.filled(g.shape(batch, 1), 0, "int64")
    peak = g.filled(batch, LOG_SILENCE, "float32")
    return Past([nothing] * 2 * model.sizes.encoder_layers, nothing, positions, g.ints(0), peak)


def encode(g: Graph, model: Checkpoint, kinds: dict, past: Past) -> Encoded:
    """Inputs `pcm` (B, S) and `samples` (B); a row's samples behind its `past` and the context that they share."""
    mel, peak = log_mel(g, "pcm", model.sizes.mel_bands, past.peak)
    g.section = "length"
    length = g("Unsqueeze", g("Div", "samples", g.int(POSITION_SAMPLES)), g.ints(1))
    frames = g("Mul", length, g.int(2))
    heard = g("Unsqueeze", g("Cast", g("Less", g.range(g.dim(mel, 1)), frames), to=g.network), g.ints(2))
    mel = g.narrow(mel)
    x = _convolution(g, model, g("Mul", mel, heard), "conv1", 1, kinds)
    x = _convolution(g, model, g("Mul", x, heard), "conv2", 2, kinds)
    g.section = "positions"
    x = g.slice(x, past.context, g.dim(x, 1), 1)
    length = g("Sub", length, past.context)
    order = g.range(g.dim(x, 1))
    last = g.int(model.sizes.source_positions - 1)
    position_table = g.weight("encoder.positions", model["model.encoder.embed_positions.weight"])
    x = g("Add", x, g("Gather", position_table, g("Min", g("Add", order, past.positions), last)))
    old = g("Less", g.range(g.dim(past.states, 1)), past.positions)
    visible = g("Concat", old, g("Less", order, length), axis=1)
    mask = g("Unsqueeze", g("Where", visible, g.scalar(0.0), g.never()), g.ints(1, 2))
    new = []
    for layer in range(model.sizes.encoder_layers):
        x, keys, values = _layer(g, model, x, past.layers[2 * layer : 2 * layer + 2], mask, layer, kinds)
        new += [keys, values]
    states = norm(g, model, x, "model.encoder.layer_norm")
    return Encoded(
        states=g("Concat", past.states, states, axis=1),
        positions=g("Add", past.positions, length),
        visible=visible,
        new=[*new, states],
        peak=peak,
    )


def keep(g: Graph, model: Checkpoint, encoded: Encoded, initialisers: Initialisers) -> None:
    """Writes the outputs `new` (2 L + 1, B, T, width), without positions unless `keep` is true, and `peak`."""
    kept, dropped = Graph("kept", initialisers), Graph("dropped", initialisers)
    parts = [kept("Unsqueeze", part, kept.ints(0)) for part in encoded.new]
    if kept.half:
        kept("Cast", kept("Concat", *parts, axis=0), to=FLOAT, name="kept.new")
    else:
        kept("Concat", *parts, axis=0, name="kept.new")
    none = dropped.shape(len(encoded.new), dropped.dim("pcm", 0), 0, model.sizes.width)
    dropped("Identity", dropped.filled(none, 0, "float32"), name="dropped.new")
    branches = {
        "then_branch": helper.make_graph(kept.nodes, "kept", [], [value_info("kept.new", FLOAT, None)]),
        "else_branch": helper.make_graph(dropped.nodes, "dropped", [], [value_info("dropped.new", FLOAT, None)]),
    }
    g.section = "keep"
    g("If", "keep", name="new", **branches)
    g("Identity", encoded.peak, name="peak")


def _layer(
    g: Graph, model: Checkpoint, x: str, past: list[str], mask: str, layer: int, kinds: dict
) -> tuple[str, str, str]:
    """x (B, T, width) -> the same behind the layer, its keys and its values; past: those of old positions."""
    name = f"model.encoder.layers.{layer}"
    heads = model.sizes.encoder_heads
    g.section = "attention"
    q, k, v = fused_qkv(g, model, norm(g, model, x, f"{name}.self_attn_layer_norm"), f"{name}.self_attn", kinds["qkv"])
    q = split_heads(g, g("Mul", q, g.scalar((model.sizes.width // heads) ** -0.5)), heads)
    keys, values = g("Concat", past[0], k, axis=1), g("Concat", past[1], v, axis=1)
    y = attend(g, q, split_heads(g, keys, heads, transposed=True), split_heads(g, values, heads), mask)
    x = g("Add", x, dense(g, model, merge_heads(g, y), f"{name}.self_attn.out_proj", kinds["out_proj"]))
    g.section = "feed-forward"
    y = norm(g, model, x, f"{name}.final_layer_norm")
    y = g("Gelu", dense(g, model, y, f"{name}.fc1", kinds["fc1"]), contrib=True)
    return _within_range(g, g("Add", x, dense(g, model, y, f"{name}.fc2", kinds["fc2"]))), k, v


def _within_range(g: Graph, x: str) -> str:
    """Keeps float16 finite: a single infinity would turn its row into NaN in the next norm. A thousand below the end,
    as in transformers' Whisper encoder, because what is added next must fit too."""
    if not g.half:
        return x
    return g("Clip", x, g.scalar(-HALF_CLIP), g.scalar(HALF_CLIP))


def _convolution(g: Graph, model: Checkpoint, x: str, name: str, stride: int, kinds: dict) -> str:
    """Conv1d of width 3 and padding 1 as one matrix product over shifted slices, then GELU."""
    g.section = name
    weight = model[f"model.encoder.{name}.weight"]  # (out, in, 3)
    channels = weight.shape[1]
    padded = g("Pad", x, g.ints(0, 1, 0, 0, 1, 0))
    if stride == 1:
        end = g.dim(x, 1)
        taps = [g.slice(padded, g.ints(k), g("Add", end, g.ints(k)) if k else end, 1) for k in range(3)]
    else:
        # An even number of frames: frames 2n and 2n+1 lie side by side, frame 2n+2 is the next pair's first.
        pairs = g("Reshape", padded, g.ints(0, -1, 2 * channels))
        end = g("Sub", g.dim(pairs, 1), g.ints(1))
        following = g.slice(pairs, g.ints(1), g("Add", end, g.ints(1)), 1)
        taps = [g.slice(pairs, g.ints(0), end, 1), g.slice(following, g.ints(0), g.ints(channels), 2)]
    matrix = np.concatenate([weight[:, :, k].T for k in range(3)], 0)
    y = multiply(g, g("Concat", *taps, axis=2), f"encoder.{name}", matrix, kinds["conv"])
    return g("Gelu", g("Add", y, g.weight(f"encoder.{name}.bias", model[f"model.encoder.{name}.bias"])), contrib=True)


# pieces that the decoder uses as well


def norm(g: Graph, model: Checkpoint, x: str, name: str) -> str:
    scale, bias = g.weight(f"{name}.weight", model[f"{name}.weight"]), g.weight(f"{name}.bias", model[f"{name}.bias"])
    return g("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-5)


def dense(g: Graph, model: Checkpoint, x: str, name: str, kind: str) -> str:
    y = multiply(g, x, name, model[f"{name}.weight"].T, kind)
    bias = f"{name}.bias"
    return g("Add", y, g.weight(bias, model[bias])) if bias in model.weights else y


def fused_qkv(g: Graph, model: Checkpoint, x: str, name: str, kind: str) -> list[str]:
    """Query, key and value from one product; Whisper's key projection has no bias."""
    width = model.sizes.width
    matrix = np.concatenate([model[f"{name}.{part}_proj.weight"] for part in "qkv"]).T
    bias = np.concatenate([model[f"{name}.q_proj.bias"], np.zeros(width, np.float32), model[f"{name}.v_proj.bias"]])
    y = g("Add", multiply(g, x, f"{name}.qkv", matrix, kind), g.weight(f"{name}.qkv.bias", bias))
    return g("Split", y, outputs=3, axis=2, num_outputs=3)


def split_heads(g: Graph, x: str, heads: int, transposed: bool = False) -> str:
    """(B, T, heads * n) -> (B, heads, T, n), or (B, heads, n, T) when transposed."""
    return g("Transpose", g("Reshape", x, g.ints(0, 0, heads, -1)), perm=[0, 2, 3, 1] if transposed else [0, 2, 1, 3])


def merge_heads(g: Graph, x: str) -> str:
    """(B, heads, T, n) -> (B, T, heads * n)."""
    flat = g("Transpose", x, perm=[0, 2, 1, 3])
    return g("Reshape", flat, g.ints(0, 0, -1))


def attend(g: Graph, q: str, k_transposed: str, v: str, mask: str | None = None) -> str:
    scores = g("MatMul", q, k_transposed)
    if mask:
        scores = g("Add", scores, mask)
    return g("MatMul", g("Softmax", scores, axis=-1), v)
