"""The encoder over the utterance only, with rows of different lengths in one batch.

A row's length is its window: speech and the silence that the caller put behind it, in whole positions of 320
samples. Everything behind a row's window is zeroed before each convolution and masked in attention, so that a row
in a batch sees exactly what it would see alone.
"""

import numpy as np

from checkpoint import Checkpoint
from graph import FLOAT, NEVER, Graph
from linear import multiply
from mel import log_mel

POSITION_SAMPLES = 320


def encode(g: Graph, model: Checkpoint, kinds: dict) -> tuple[str, str, str]:
    """Inputs `pcm` (B, S) and `samples` (B) -> states (B, T, width), positions per row (B, 1), visible (B, T) bool."""
    mel = log_mel(g, "pcm", model.sizes.mel_bands)
    g.section = "length"
    positions = g("Unsqueeze", g("Div", "samples", g.int(POSITION_SAMPLES)), g.ints(1))
    frames = g("Mul", positions, g.int(2))
    heard = g("Unsqueeze", g("Cast", g("Less", g.range(g.dim(mel, 1)), frames), to=FLOAT), g.ints(2))
    x = _convolution(g, model, g("Mul", mel, heard), "conv1", 1, kinds)
    x = _convolution(g, model, g("Mul", x, heard), "conv2", 2, kinds)
    length = g.dim(x, 1)
    visible = g("Less", g.range(length), positions)
    mask = g("Unsqueeze", g("Where", visible, g.float(0.0), g.float(NEVER)), g.ints(1, 2))
    position_table = g.weight("encoder.positions", model["model.encoder.embed_positions.weight"])
    x = g("Add", x, g.slice(position_table, g.ints(0), length, 0))
    for layer in range(model.sizes.encoder_layers):
        x = _layer(g, model, x, mask, layer, kinds)
    return norm(g, model, x, "model.encoder.layer_norm"), positions, visible


def _layer(g: Graph, model: Checkpoint, x: str, mask: str, layer: int, kinds: dict) -> str:
    name = f"model.encoder.layers.{layer}"
    heads = model.sizes.encoder_heads
    g.section = "attention"
    q, k, v = fused_qkv(g, model, norm(g, model, x, f"{name}.self_attn_layer_norm"), f"{name}.self_attn", kinds["qkv"])
    q = split_heads(g, g("Mul", q, g.float((model.sizes.width // heads) ** -0.5)), heads)
    y = attend(g, q, split_heads(g, k, heads, transposed=True), split_heads(g, v, heads), mask)
    x = g("Add", x, dense(g, model, merge_heads(g, y), f"{name}.self_attn.out_proj", kinds["out_proj"]))
    g.section = "feed-forward"
    y = norm(g, model, x, f"{name}.final_layer_norm")
    y = g("Gelu", dense(g, model, y, f"{name}.fc1", kinds["fc1"]), contrib=True)
    return g("Add", x, dense(g, model, y, f"{name}.fc2", kinds["fc2"]))


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
