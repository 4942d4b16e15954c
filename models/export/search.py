"""Beam search as graph nodes; greedy search is the beam of one.

Finished hypotheses leave the beam for a store of the best one (score / length). A row stops when as many have
finished as the beam is wide: stopping at the first drops the ends of sentences.
"""

from dataclasses import dataclass

from checkpoint import Checkpoint
from graph import FLOAT, INT64, NEVER, Graph

UNFINISHED = -1e8  # score of a best hypothesis that does not exist yet


@dataclass
class Beams:
    """The state of a search. B utterances, K beams, R = B * K rows, t tokens so far."""

    tokens: str  # (B, K) the newest token of each beam
    score: str  # (B, K) sum of log-probabilities
    history: str  # (R, t) tokens
    history_logprobs: str  # (R, t)
    best: str  # (B, 1) score / length of the best finished hypothesis
    best_history: str  # (B, t), filled up with end-of-text
    best_logprobs: str  # (B, t), filled up with 0
    finished: str  # (B, 1) hypotheses finished so far

    FIELDS = ("tokens", "score", "history", "history_logprobs", "best", "best_history", "best_logprobs", "finished")
    TYPES = (INT64, FLOAT, INT64, FLOAT, FLOAT, INT64, FLOAT, INT64)
    SHAPES = (["B", "K"], ["B", "K"], ["R", "t"], ["R", "t"], ["B", 1], ["B", "t"], ["B", "t"], ["B", 1])

    def values(self) -> list[str]:
        return [getattr(self, field) for field in self.FIELDS]


def empty(g: Graph, batch: str) -> Beams:
    """The state before the first token, with one beam per utterance. `batch` is (1,)."""
    none, one = g.shape(batch, 0), g.shape(batch, 1)
    ints, floats = g.filled(none, 0, "int64"), g.filled(none, 0, "float32")
    return Beams(
        tokens=g.filled(one, 0, "int64"), score=g.filled(one, 0, "float32"), history=ints, history_logprobs=floats,
        best=g.filled(one, UNFINISHED, "float32"), best_history=ints, best_logprobs=floats, finished=g.filled(one, 0, "int64"),
    )


def select(g: Graph, model: Checkpoint, logits: str, bias: str, beams: Beams, candidates: str, names: dict | None = None) -> tuple[Beams, str, str]:
    """Extends every hypothesis by one token.

    logits (B, k, V) of the k beams so far; bias (1 or B, V); `candidates` (1,) tokens looked at per beam.
    Returns the new state, the parent row of each new row (R,) and whether the search goes on (scalar bool).
    Outer values used: `beam.1` (1,) is K and `beam.2` (1,) is 2K.
    """
    g.section = "search"
    names = names or {}
    out = lambda field: names.get(field)  # noqa: E731 - fixed output names where the loop wants them
    eot = g.int(model.tokens["endOfText"])
    scores = g("Add", logits, g("Unsqueeze", bias, g.ints(1)))
    peak = g("ReduceMax", scores, g.ints(2), keepdims=1)
    # ReduceLogSumExp is several times slower than its parts in ONNX Runtime's CPU kernels.
    normaliser = g("Add", peak, g("Log", g("ReduceSum", g("Exp", g("Sub", scores, peak)), g.ints(2), keepdims=1)))
    top, top_tokens = g("TopK", scores, candidates, outputs=2, axis=2)
    flat = g("Concat", g.ints(0, -1), axis=0)
    totals = g("Reshape", g("Add", g("Unsqueeze", beams.score, g.ints(2)), g("Sub", top, normaliser)), flat)
    ranked, rank = g("TopK", totals, "beam.2", outputs=2, axis=1)  # (B, 2K)
    tokens = g("GatherElements", g("Reshape", top_tokens, flat), rank, axis=1)
    parent = g("Div", rank, candidates)  # beam within the utterance
    width = g.dim(beams.score, 1)
    base = g("Unsqueeze", g("Mul", g.range(g.dim(beams.score, 0)), width), g.ints(1))
    rows = g("Add", parent, base)  # (B, 2K) row in the batch
    ends = g("Equal", tokens, eot)

    # Hypotheses that end within the first K candidates are finished.
    length = g("Cast", g("Add", g.dim(beams.history, 1), g.ints(1)), to=FLOAT)
    finishing = g("And", ends, g("Less", g.range("beam.2"), "beam.1"))
    value, which = g("TopK", g("Where", finishing, g("Div", ranked, length), g.float(NEVER)), g.ints(1), outputs=2, axis=1)
    better = g("And", g("Less", beams.finished, "beam.1"), g("Greater", value, beams.best))
    row = g("Squeeze", g("GatherElements", rows, which, axis=1), g.ints(1))
    column = g.shape(g.dim(beams.score, 0), 1)
    previous = g("Gather", g("Reshape", beams.score, g.ints(-1, 1)), row)
    last_logprob = g("Sub", g("Mul", value, length), previous)
    eot_column = g("Expand", eot, column)
    best_history = g(
        "Where", better, g("Concat", g("Gather", beams.history, row), eot_column, axis=1),
        g("Concat", beams.best_history, eot_column, axis=1), name=out("best_history"),
    )
    best_logprobs = g(
        "Where", better, g("Concat", g("Gather", beams.history_logprobs, row), last_logprob, axis=1),
        g("Concat", beams.best_logprobs, g("Expand", g.float(0.0), column), axis=1), name=out("best_logprobs"),
    )
    best = g("Where", better, value, beams.best, name=out("best"))
    newly = g("ReduceSum", g("Cast", finishing, to=INT64), g.ints(1), keepdims=1)
    finished = g("Add", beams.finished, newly, name=out("finished"))

    # The first K that do not end survive.
    score, kept = g("TopK", g("Where", ends, g.float(NEVER), ranked), "beam.1", outputs=2, axis=1)
    score = g("Identity", score, name=out("score")) if out("score") else score
    next_tokens = g("GatherElements", tokens, kept, axis=1, name=out("tokens"))
    rows = g("Reshape", g("GatherElements", rows, kept, axis=1), g.ints(-1))
    logprob = g("Sub", g("Reshape", score, g.ints(-1, 1)), g("Gather", g("Reshape", beams.score, g.ints(-1, 1)), rows))
    history = g("Concat", g("Gather", beams.history, rows), g("Reshape", next_tokens, g.ints(-1, 1)), axis=1, name=out("history"))
    history_logprobs = g("Concat", g("Gather", beams.history_logprobs, rows), logprob, axis=1, name=out("history_logprobs"))
    fewest = g("Squeeze", g("TopK", g("Neg", g("Cast", g("Squeeze", finished, g.ints(1)), to=FLOAT)), g.ints(1), outputs=2, axis=0)[0])
    goes_on = g("Less", g("Neg", fewest), g("Cast", g("Squeeze", "beam.1"), to=FLOAT), name=out("goes_on"))
    return Beams(next_tokens, score, history, history_logprobs, best, best_history, best_logprobs, finished), rows, goes_on


def result(g: Graph, beams: Beams) -> None:
    """Writes the outputs `tokens` and `logprobs`: the best finished hypothesis, else the best unfinished one."""
    unfinished = g("Less", beams.best, g.float(UNFINISHED / 10))
    first = g("Mul", g.range(g.dim(beams.score, 0)), "beam.1")
    g("Where", unfinished, g("Gather", beams.history, first), beams.best_history, name="tokens")
    g("Where", unfinished, g("Gather", beams.history_logprobs, first), beams.best_logprobs, name="logprobs")
