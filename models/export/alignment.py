"""Where the decoder listened while it predicted each token: what word times are made of.

After the search, one pass over prompt and chosen tokens at once gives the cross-attention of the model's alignment
heads, which follow the speech. It runs inside an `If`, so that it costs nothing when nobody asks. Shapes as in
decoder.py; A alignment heads, N chosen tokens.
"""

from onnx import helper

from checkpoint import Checkpoint
from decoder import Embedding, Memory, cross_attention, embed_sequence, feed_forward, listen, self_attention
from graph import FLOAT, Graph, Initialisers, value_info


def alignment_heads(model: Checkpoint) -> list[list[int]]:
    """[layer, head] pairs in ascending order: the rows of the output `alignment`.

    Published multilingual models name theirs. Whisper itself takes every head of the upper half where none are known.
    """
    layers, heads = model.sizes.decoder_layers, model.sizes.decoder_heads
    upper = [[layer, head] for layer in range(layers // 2, layers) for head in range(heads)]
    return sorted(model.tokens["alignmentHeads"]) or upper


def align(
    g: Graph, model: Checkpoint, memory: Memory, embedding: Embedding, kinds: dict, initialisers: Initialisers
) -> None:
    """Writes the output `alignment` (B, A, N, T), or (B, A, 0, 0) when the input `align` is false."""
    g.section = "alignment"
    branches = {
        "then_branch": _aligned(model, memory, embedding, kinds, initialisers),
        "else_branch": _not_aligned(model, initialisers),
    }
    g("If", "align", name="alignment", **branches)


def _aligned(model: Checkpoint, memory: Memory, embedding: Embedding, kinds: dict, initialisers: Initialisers):
    """Outer values used: `prompt` (B, P), `prompt.start` (B, 1) and `tokens` (B, N)."""
    g = Graph("aligned", initialisers)
    g.section = "alignment"
    # The decoder at token n predicts token n + 1, so the last one is not read and the prompt's last is row 0.
    read = g.slice("tokens", g.ints(0), g.ints(-1), 1)
    sequence = embed_sequence(g, model, embedding, g("Concat", "prompt", read, axis=1))
    first = g("Sub", g.dim("prompt", 1), g.ints(1))
    behind = g("Add", first, g.dim("tokens", 1))
    wanted = alignment_heads(model)
    last = wanted[-1][0]  # layers above it are left out
    x, found = sequence.x, []
    for layer in range(last + 1):
        x, _, _ = self_attention(g, model, x, sequence.mask, layer, kinds)
        attention = cross_attention(g, model, x, memory, layer, kinds)
        heads = [head for of, head in wanted if of == layer]
        if heads:
            rows = g.slice(g("Gather", attention, g.ints(*heads), axis=1), first, behind, 2)
            found.append(g.slice(rows, g.ints(0), memory.heard, 3))
        if layer < last:
            x = feed_forward(g, model, listen(g, model, x, attention, memory, layer, kinds), layer, kinds)
    if g.half:
        g("Cast", g("Concat", *found, axis=1), to=FLOAT, name="aligned")
    else:
        g("Concat", *found, axis=1, name="aligned")
    return helper.make_graph(g.nodes, "aligned", [], [value_info("aligned", FLOAT, None)])


def _not_aligned(model: Checkpoint, initialisers: Initialisers):
    g = Graph("not-aligned", initialisers)
    shape = g.shape(g.dim("pcm", 0), len(alignment_heads(model)), 0, 0)
    g("Identity", g.filled(shape, 0, "float32"), name="not_aligned")
    return helper.make_graph(g.nodes, "not-aligned", [], [value_info("not_aligned", FLOAT, None)])
