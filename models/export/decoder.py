"""The decoder: cross-attention memory with the silent tail, a prefill over the prompt, one step per token.

Shapes: B utterances, K beams, R = B * K rows, H heads, n = width / H, T encoder positions, S tail blocks.
"""

import math
from dataclasses import dataclass

import numpy as np

from checkpoint import Checkpoint
from encoder import Encoded, attend, dense, fused_qkv, merge_heads, norm, split_heads
from graph import Graph
from linear import BLOCK, block_multiply, multiply, quantise_blocks

EMBEDDING = "model.decoder.embed_tokens.weight"


@dataclass(frozen=True)
class Tail:
    """Encoder states of silence, measured by tail.py."""

    states: np.ndarray  # (encoder positions of 30 s / pool, width) averages of `pool` neighbouring positions
    pool: int


@dataclass(frozen=True)
class Memory:
    """What cross-attention reads. S is 0 without a silent tail."""

    keys: list[str]  # per layer (B, H, n, T + S)
    values: list[str]  # per layer (B, H, T + S, n)
    bias: str  # (B, 1, 1, T + S) added to the scores
    heard: str  # (1,) T: the positions before the silent tail


def remember(g: Graph, model: Checkpoint, encoded: Encoded, tail: Tail | None, kinds: dict) -> Memory:
    """Projects the encoder states and appends `tail_blocks` (1,) blocks of silent tail from each row's end on.

    The tail stands for the silence that fills a real 30-second window. Neighbouring silent states hardly differ, so
    `tail.pool` positions share one key and value, and log(pool) is added to its score: the softmax then weighs it as
    `pool` positions.
    """
    g.section = "memory"
    heads = model.sizes.decoder_heads
    bias = g("Where", encoded.visible, g.scalar(0.0), g.never())
    if tail is not None:
        blocks = tail.states.shape[0]
        first = g("Div", g("Add", encoded.positions, g.int(tail.pool - 1)), g.int(tail.pool))
        index = g("Add", first, g.range("tail_blocks"))  # (B, S)
        inside = g("Where", g("Less", index, g.int(blocks)), g.scalar(math.log(tail.pool)), g.never())
        bias = g("Concat", bias, inside, axis=1)
        index = g("Min", index, g.int(blocks - 1))
    keys, values = [], []
    projected = _project_memory(g, model, encoded.states, kinds["memory"])
    for layer in range(model.sizes.decoder_layers):
        name = f"model.decoder.layers.{layer}.encoder_attn"
        k = split_heads(g, projected[2 * layer], heads, transposed=True)
        v = split_heads(g, projected[2 * layer + 1], heads)
        if tail is not None:
            tail_k = tail.states @ model[f"{name}.k_proj.weight"].T
            tail_v = tail.states @ model[f"{name}.v_proj.weight"].T + model[f"{name}.v_proj.bias"]
            gathered_k = g("Gather", g.weight(f"tail.{layer}.key", tail_k.reshape(blocks, heads, -1)), index)
            gathered_v = g("Gather", g.weight(f"tail.{layer}.value", tail_v.reshape(blocks, heads, -1)), index)
            k = g("Concat", k, g("Transpose", gathered_k, perm=[0, 2, 3, 1]), axis=3)
            v = g("Concat", v, g("Transpose", gathered_v, perm=[0, 2, 1, 3]), axis=2)
        keys.append(k)
        values.append(v)
    return Memory(keys, values, g("Unsqueeze", bias, g.ints(1, 2)), heard=g.dim(encoded.states, 1))


def _project_memory(g: Graph, model: Checkpoint, states: str, kind: str) -> list[str]:
    """states (B, T, width) -> keys and values of every layer in turns, each (B, T, width), from one product."""
    names = [f"model.decoder.layers.{layer}.encoder_attn" for layer in range(model.sizes.decoder_layers)]
    matrix = np.concatenate([model[f"{name}.{part}_proj.weight"] for name in names for part in "kv"]).T
    none = np.zeros(model.sizes.width, np.float32)  # Whisper's key projection has no bias
    bias = np.concatenate([part for name in names for part in (none, model[f"{name}.v_proj.bias"])])
    y = g("Add", multiply(g, states, "memory", matrix, kind), g.weight("memory.bias", bias))
    return g("Split", y, outputs=2 * len(names), axis=2, num_outputs=2 * len(names))


class Embedding:
    """Token embedding and output projection: one matrix, stored once."""

    def __init__(self, model: Checkpoint, kind: str) -> None:
        self.matrix, self.kind = model[EMBEDDING], kind
        if kind != "float":
            self.levels, scale = quantise_blocks(self.matrix, BLOCK)
            self.scale = scale.reshape(-1)

    def look_up(self, g: Graph, tokens: str) -> str:
        """tokens (...) int64 -> (..., width)."""
        if g.half:
            return g.narrow(g("Gather", g.exact("embedding", self.matrix), tokens))
        if self.kind == "float":
            return g("Gather", g.weight("embedding", self.matrix), tokens)
        vocabulary, width = self.matrix.shape
        per_token = g("Reshape", self._scale(g), g.ints(vocabulary, width // BLOCK, 1))
        levels = g("Cast", g("Gather", self._levels(g), tokens), to=1)
        rows = g("Mul", g("Sub", levels, g.float(128.0)), g("Gather", per_token, tokens))
        return g("Reshape", rows, g("Concat", g("Shape", tokens), g.ints(width), axis=0))

    def project(self, g: Graph, x: str) -> str:
        """x (..., width) -> logits (..., V), float32."""
        vocabulary, width = self.matrix.shape
        if g.half:
            # Rounded to float16, logits of 16 and more would be 0.008 off, which is most of what all rounding does.
            # cuBLAS reads a matrix either way round, so the one for `look_up` serves here too.
            return g("FusedMatMul", g.widen(x), g.exact("embedding", self.matrix), contrib=True, transB=1)
        if self.kind == "float":
            return g("MatMul", x, g.weight("embedding.transposed", self.matrix.T))
        return block_multiply(g, x, self._levels(g), self._scale(g), width, vocabulary)

    def _levels(self, g: Graph) -> str:
        return g.weight("embedding.q", self.levels)

    def _scale(self, g: Graph) -> str:
        return g.weight("embedding.scale", self.scale)


@dataclass(frozen=True)
class Sequence:
    """P tokens that are all known, embedded: what a prefill reads, and an alignment. Padded before the first."""

    x: str  # (B, P, width)
    mask: str  # (B, 1, P, P) added to the scores of self-attention


def embed_sequence(g: Graph, model: Checkpoint, embedding: Embedding, tokens: str) -> Sequence:
    """tokens (B, P), each row's first real one at `prompt.start` (B, 1): positions count from there."""
    order = g.range(g.dim(tokens, 1))
    position = g("Sub", order, "prompt.start")  # (B, P), negative in the padding
    x = g("Add", embedding.look_up(g, tokens), g("Gather", _positions(g, model), g("Max", position, g.int(0))))
    causal = g("LessOrEqual", order, g("Unsqueeze", order, g.ints(1)))
    seen = g("And", causal, g("Unsqueeze", g("GreaterOrEqual", position, g.int(0)), g.ints(1)))
    mask = g("Where", seen, g.scalar(0.0), g.never())
    return Sequence(x, g("Unsqueeze", mask, g.ints(1)))


def padding_mask(g: Graph, model: Checkpoint) -> str:
    """(B, 1, 1, target positions) added to the scores of self-attention in every step: hides the prompt's padding."""
    order = g.range(g.ints(model.sizes.target_positions))
    mask = g("Where", g("Less", order, "prompt.start"), g.never(), g.scalar(0.0))
    return g("Unsqueeze", mask, g.ints(1, 2))


def prefill(g: Graph, model: Checkpoint, memory: Memory, embedding: Embedding, kinds: dict) -> tuple[str, list[str]]:
    """Input `prompt` (B, P) -> hidden (B, P, width) and the caches, per layer keys and values (B, H, P, n)."""
    g.section = "prefill"
    sequence = embed_sequence(g, model, embedding, "prompt")
    x, caches = sequence.x, []
    for layer in range(model.sizes.decoder_layers):
        x, keys, values = self_attention(g, model, x, sequence.mask, layer, kinds)
        caches += [keys, values]
        x = _listen_and_feed_forward(g, model, x, memory, layer, kinds)
    return norm(g, model, x, "model.decoder.layer_norm"), caches


def self_attention(g: Graph, model: Checkpoint, x: str, mask: str, layer: int, kinds: dict) -> tuple[str, str, str]:
    """x (B, P, width) of a whole sequence -> the same behind the attention, its keys and values (B, H, P, n)."""
    name = f"model.decoder.layers.{layer}"
    heads = model.sizes.decoder_heads
    y = norm(g, model, x, f"{name}.self_attn_layer_norm")
    q, k, v = fused_qkv(g, model, y, f"{name}.self_attn", kinds["decoder"])
    k, v = split_heads(g, k, heads), split_heads(g, v, heads)
    y = attend(g, split_heads(g, _scaled(g, model, q), heads), g("Transpose", k, perm=[0, 1, 3, 2]), v, mask)
    return g("Add", x, dense(g, model, merge_heads(g, y), f"{name}.self_attn.out_proj", kinds["decoder"])), k, v


def step(
    g: Graph,
    model: Checkpoint,
    memory: Memory,
    embedding: Embedding,
    tokens: str,
    position: str,
    mask: str,
    caches: list[str],
    kinds: dict,
) -> tuple[str, list[str]]:
    """Tokens (B, K) at each row's `position` (B, 1), a mask (R, 1, 1, t + 1) and caches (R, H, t, n) -> logits
    (B, K, V) and the caches one longer."""
    g.section = "embed"
    heads, head_width = model.sizes.decoder_heads, model.sizes.width // model.sizes.decoder_heads
    x = g("Add", embedding.look_up(g, tokens), g("Gather", _positions(g, model), position))
    beams = g("Shape", x)
    grown = []
    for layer in range(model.sizes.decoder_layers):
        name = f"model.decoder.layers.{layer}"
        g.section = "self-attention"
        y = norm(g, model, x, f"{name}.self_attn_layer_norm")
        q, k, v = fused_qkv(g, model, y, f"{name}.self_attn", kinds["decoder"])
        row = g.ints(-1, heads, 1, head_width)  # one position per row: heads split without a transpose
        k = g("Concat", caches[2 * layer], g("Reshape", k, row), axis=2)
        v = g("Concat", caches[2 * layer + 1], g("Reshape", v, row), axis=2)
        grown += [k, v]
        y = attend(g, g("Reshape", _scaled(g, model, q), row), g("Transpose", k, perm=[0, 1, 3, 2]), v, mask)
        x = g("Add", x, dense(g, model, g("Reshape", y, beams), f"{name}.self_attn.out_proj", kinds["decoder"]))
        x = _listen_and_feed_forward(g, model, x, memory, layer, kinds)
    g.section = "vocabulary"
    return embedding.project(g, norm(g, model, x, "model.decoder.layer_norm")), grown


def _listen_and_feed_forward(g: Graph, model: Checkpoint, x: str, memory: Memory, layer: int, kinds: dict) -> str:
    section, g.section = g.section, "cross-attention"
    x = listen(g, model, x, cross_attention(g, model, x, memory, layer, kinds), memory, layer, kinds)
    g.section = "feed-forward"
    x = feed_forward(g, model, x, layer, kinds)
    g.section = section
    return x


def cross_attention(g: Graph, model: Checkpoint, x: str, memory: Memory, layer: int, kinds: dict) -> str:
    """x (B, q, width) -> how much each head attends to each position of the memory, (B, H, q, T + S), sums of 1.

    q is a sequence's positions or an utterance's beams, all of which read the same memory.
    """
    name = f"model.decoder.layers.{layer}"
    y = norm(g, model, x, f"{name}.encoder_attn_layer_norm")
    q = _scaled(g, model, dense(g, model, y, f"{name}.encoder_attn.q_proj", kinds["decoder"]))
    scores = g("MatMul", split_heads(g, q, model.sizes.decoder_heads), memory.keys[layer])
    return g("Softmax", g("Add", scores, memory.bias), axis=-1)


def listen(g: Graph, model: Checkpoint, x: str, attention: str, memory: Memory, layer: int, kinds: dict) -> str:
    """x (B, q, width) and its `cross_attention` -> x with what was heard there."""
    y = merge_heads(g, g("MatMul", attention, memory.values[layer]))
    return g("Add", x, dense(g, model, y, f"model.decoder.layers.{layer}.encoder_attn.out_proj", kinds["decoder"]))


def feed_forward(g: Graph, model: Checkpoint, x: str, layer: int, kinds: dict) -> str:
    name = f"model.decoder.layers.{layer}"
    y = norm(g, model, x, f"{name}.final_layer_norm")
    y = g("Gelu", dense(g, model, y, f"{name}.fc1", kinds["decoder"]), contrib=True)
    return g("Add", x, dense(g, model, y, f"{name}.fc2", kinds["decoder"]))


def _scaled(g: Graph, model: Checkpoint, q: str) -> str:
    return g("Mul", q, g.scalar((model.sizes.width // model.sizes.decoder_heads) ** -0.5))


def _positions(g: Graph, model: Checkpoint) -> str:
    return g.weight("decoder.positions", model["model.decoder.embed_positions.weight"])
