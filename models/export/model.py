"""Puts encoder, decoder and search together into one ONNX model.

Inputs (B utterances)
  pcm         float32 (B, S)     16 kHz mono in [-1, 1], zero behind each row's samples; S a multiple of 320
  samples     int64 (B)          the row's window: speech and the silence behind it; a multiple of 320, at most S
  prompt      int64 (B, P)       start tokens, with `<|startofprev|>` text before and a forced prefix behind them;
                                 shorter ones are padded before their first token, with any token
  prompt_start int64 (B)         index of each row's first real token in `prompt`, 0 to P - 1
  beam        int64 ()           beam width, 1 to 5
  max_tokens  int64 ()           longest output, end-of-text included; with P at most the model's target positions
  bias        float32 (1|B, V)   added to the logits of every step: suppression (-1e9), hints' beginnings
  bias_first  float32 (1|B, V)   the same for the first token
  hint_…      the words that a caller expects, see hints.py
  align       bool ()            whether to give `alignment`, which costs one more pass of the decoder
  past        float32 (2L+1, B, Q, W)  what `new` was of the beginning of the same utterances, L encoder layers, W wide;
                                 Q = 0 when they begin here
  past_positions int64 (B)       how many of Q each row has, the rest is padding
  past_context int64 (1)         positions at the head of `pcm` that are in `past` already, in all rows alike: 2, or 0
                                 when there is no past
  past_peak   float32 (B)        `peak` of the past, -10 when there is none
  keep        bool ()            whether to give `new`
  tail_blocks int64 (1)          how many blocks of silent tail to append; absent from a model without a tail
Outputs
  tokens      int64 (B, N)       filled up with end-of-text
  logprobs    float32 (B, N)     of each token, end-of-text included, with `bias` but without hints; 0 behind it
  no_speech   float32 (B)        probability of `<|nospeech|>` at `<|startoftranscript|>`
  alignment   float32 (B, A, N, T)  probability that alignment head A attends to encoder position T where token N is
                                 predicted; what goes to the silent tail is cut off. (B, A, 0, 0) unless `align`
  new         float32 (2L+1, B, T, W)  keys and values of each encoder layer in turns, then the states, of the T
                                 positions of `pcm` behind the context. (2L+1, B, 0, W) unless `keep`
  peak        float32 (B)        largest log10 mel energy of the utterance so far
"""

import dataclasses

import onnx
from onnx import helper

from alignment import align, alignment_heads
from checkpoint import Checkpoint
from decoder import Embedding, Memory, Tail, padding_mask, prefill, remember, step
from encoder import encode, keep, no_past, past_inputs
from graph import BOOL, CONTRIB, FLOAT, INT64, Graph, Initialisers, value_info
from hints import hint_inputs
from search import Beams, Breadth, empty, prepare, result, select

OPSET = 18
HALF = "float16"  # the precision for a card: what cuda.py allows, and the network in float16
ENCODER_PARTS = ("conv", "qkv", "out_proj", "fc1", "fc2", "memory")
DECODER_PARTS = ("decoder", "vocabulary")
KINDS = {  # how the matrices of each part are stored, see linear.py
    "float": dict.fromkeys(ENCODER_PARTS + DECODER_PARTS, "float"),
    "float16": dict.fromkeys(ENCODER_PARTS + DECODER_PARTS, "float"),
    "int8": dict.fromkeys(ENCODER_PARTS, "folded") | dict.fromkeys(DECODER_PARTS, "block"),
    "int8-rows": dict.fromkeys(ENCODER_PARTS, "row")
    | {"conv": "folded", "fc2": "row-gelu"}
    | dict.fromkeys(DECODER_PARTS, "block"),
}


def build_recogniser(model: Checkpoint, tail: Tail | None, precision: str) -> onnx.ModelProto:
    """The whole recogniser; `precision` is one of KINDS. Without a tail, callers must fill the full window."""
    kinds = KINDS[precision]
    initialisers = Initialisers(half=precision == HALF)
    g = Graph("main", initialisers)
    vocabulary = model.sizes.vocabulary
    encoded = encode(g, model, kinds, past_inputs(g, model))
    memory = remember(g, model, encoded, tail, kinds)
    embedding = Embedding(model, kinds["vocabulary"])
    g.section = "setup"
    batch = g.dim("pcm", 0)
    first, later = prepare(g, model, batch)
    g("Unsqueeze", "prompt_start", g.ints(1), name="prompt.start")
    mask = padding_mask(g, model)
    hidden, caches = prefill(g, model, memory, embedding, kinds)
    _no_speech(g, model, hidden, embedding)
    first_logits = embedding.project(g, g("Gather", hidden, g.ints(-1), axis=1))
    bias_first = g("Unsqueeze", "bias_first", g.ints(1))
    g("Unsqueeze", "bias", g.ints(1), name="bias.every")
    beams, rows, goes_on = select(g, model, first_logits, bias_first, empty(g, batch), first)
    caches = [g("Gather", cache, rows) for cache in caches]
    g("Gather", mask, rows, name="padding.mask")
    length = g.dim("prompt", 1)
    g("Sub", length, "prompt.start", name="prompt.length")
    g("Add", length, g.ints(1), name="prompt.grown")

    body = _loop_body(model, memory, embedding, later, kinds, initialisers)
    g.section = "loop"
    steps = g("Sub", "max_tokens", g.int(1))
    carried = [*beams.values(), *caches]
    final = g("Loop", steps, goes_on, *carried, outputs=len(carried), body=body)
    result(g, Beams(*final[: len(Beams.FIELDS)]))
    align(g, model, memory, embedding, kinds, initialisers)
    keep(g, model, encoded, initialisers)

    kept_parts = 2 * model.sizes.encoder_layers + 1
    inputs = [
        value_info("pcm", FLOAT, ["B", "S"]),
        value_info("samples", INT64, ["B"]),
        value_info("prompt", INT64, ["B", "P"]),
        value_info("prompt_start", INT64, ["B"]),
        value_info("beam", INT64, []),
        value_info("max_tokens", INT64, []),
        value_info("bias", FLOAT, ["bias_rows", vocabulary]),
        value_info("bias_first", FLOAT, ["bias_first_rows", vocabulary]),
        *hint_inputs(vocabulary),
        value_info("align", BOOL, []),
        value_info("past", FLOAT, [kept_parts, "B", "past_positions", model.sizes.width]),
        value_info("past_positions", INT64, ["B"]),
        value_info("past_context", INT64, [1]),
        value_info("past_peak", FLOAT, ["B"]),
        value_info("keep", BOOL, []),
    ]
    if tail is not None:
        inputs.append(value_info("tail_blocks", INT64, [1]))
    outputs = [
        value_info("tokens", INT64, ["B", "N"]),
        value_info("logprobs", FLOAT, ["B", "N"]),
        value_info("no_speech", FLOAT, ["B"]),
        value_info("alignment", FLOAT, ["B", len(alignment_heads(model)), "aligned_tokens", "aligned_positions"]),
        value_info("new", FLOAT, [kept_parts, "B", "new_positions", model.sizes.width]),
        value_info("peak", FLOAT, ["B"]),
    ]
    return build_model(g, "whisper", inputs, outputs)


def build_encoder(model: Checkpoint) -> onnx.ModelProto:
    """The float encoder alone: `pcm`, `samples` -> `states` (B, T, width). For measuring the silent tail."""
    g = Graph("main", Initialisers())
    encoded = encode(g, model, KINDS["float"], no_past(g, model))
    g("Identity", encoded.states, name="states")
    inputs = [value_info("pcm", FLOAT, ["B", "S"]), value_info("samples", INT64, ["B"])]
    return build_model(g, "encoder", inputs, [value_info("states", FLOAT, ["B", "T", model.sizes.width])])


def _no_speech(g: Graph, model: Checkpoint, hidden: str, embedding: Embedding) -> None:
    """The start token may stand behind a text prompt, in each row at another place."""
    g.section = "no-speech"
    real = g("GreaterOrEqual", g.range(g.dim("prompt", 1)), "prompt.start")
    starts = g("And", real, g("Equal", "prompt", g.int(model.tokens["startOfTranscript"])))
    _, index = g("TopK", g("Cast", starts, to=FLOAT), g.ints(1), outputs=2, axis=1)
    logits = embedding.project(g, g("GatherND", hidden, index, batch_dims=1))
    probability = g("Gather", g("Softmax", logits, axis=-1), g.int(model.tokens["noSpeech"]), axis=1)
    g("Identity", probability, name="no_speech")


def _loop_body(
    model: Checkpoint,
    memory: Memory,
    embedding: Embedding,
    breadth: Breadth,
    kinds: dict,
    initialisers: Initialisers,
) -> onnx.GraphProto:
    """One token: decode the newest tokens, then select. Memory, bias, hints and breadth come from the outer graph."""
    b = Graph("step", initialisers)
    heads, width = model.sizes.decoder_heads, model.sizes.width // model.sizes.decoder_heads
    incoming = Beams(*[f"in.{field}" for field in Beams.FIELDS])
    cache_names = [f"cache.{layer}.{part}" for layer in range(model.sizes.decoder_layers) for part in ("key", "value")]
    caches = [f"in.{name}" for name in cache_names]
    if b.half:
        breadth = _breadth_on_host(b, incoming, breadth)
    b.section = "position"
    # The first token was selected outside, so the iteration number is the number of tokens behind the prompt.
    position = b("Add", "prompt.length", "iteration")
    grown = b("Add", b.dim(caches[0], 2), b.ints(1)) if b.half else b("Add", "prompt.grown", "iteration")
    mask = b.slice("padding.mask", b.ints(0), grown, 3)
    logits, grown = step(b, model, memory, embedding, incoming.tokens, position, mask, caches, kinds)
    names = {field: f"out.{field}" for field in [*Beams.FIELDS, "goes_on"]}
    _, rows, _ = select(b, model, logits, "bias.every", incoming, breadth, names)
    b.section = "cache"
    for name, cache in zip(cache_names, grown, strict=True):
        b("Gather", cache, rows, name=f"out.{name}")
    cache_shape = ["R", heads, "past", width]
    return helper.make_graph(
        b.nodes,
        "token",
        [value_info("iteration", INT64, []), value_info("condition", BOOL, [])]
        + [value_info(f"in.{field}", kind, shape) for field, kind, shape in Beams.SPECIFICATION]
        + [value_info(f"in.{name}", b.network, cache_shape) for name in cache_names],
        [value_info("out.goes_on", BOOL, [])]
        + [value_info(f"out.{field}", kind, None) for field, kind, _ in Beams.SPECIFICATION]
        + [value_info(f"out.{name}", b.network, None) for name in cache_names],
    )


def _breadth_on_host(b: Graph, incoming: Beams, breadth: Breadth) -> Breadth:
    """The same, with what TopK wants on the host made there, from a shape: a step waits for nothing from the card."""
    b.section = "breadth"
    beam = b.dim(incoming.tokens, 1)
    return dataclasses.replace(
        breadth, beam=beam, double=b("Mul", beam, b.ints(2)), candidates=b("Add", beam, b.ints(1))
    )


def build_model(g: Graph, name: str, inputs: list, outputs: list) -> onnx.ModelProto:
    graph = helper.make_graph(g.nodes, name, inputs, outputs, initializer=list(g.initialisers.tensors.values()))
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="linescribe")
