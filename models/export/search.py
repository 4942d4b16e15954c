"""Beam search as graph nodes; greedy search is the beam of one.

Finished hypotheses leave the beam for a store of the best one (score / length). A row stops when as many have
finished as the beam is wide: stopping at the first drops the ends of sentences.
"""

from dataclasses import dataclass

from checkpoint import Checkpoint
from graph import FLOAT, INT64, NEVER, Graph

UNFINISHED = -1e8  # score of a best hypothesis that does not exist yet; above NEVER, below every real score


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


@dataclass
class Candidates:
    """The 2K best extensions of each utterance's hypotheses, best first."""

    score: str  # (B, 2K) sum of log-probabilities
    tokens: str  # (B, 2K)
    rows: str  # (B, 2K) the extended hypothesis as a row of the batch
    ends: str  # (B, 2K) whether the token is end-of-text


def empty(g: Graph, batch: str) -> Beams:
    """The state before the first token, with one beam per utterance. `batch` is (1,)."""
    none, one = g.shape(batch, 0), g.shape(batch, 1)
    ints, floats = g.filled(none, 0, "int64"), g.filled(none, 0, "float32")
    return Beams(
        tokens=g.filled(one, 0, "int64"),
        score=g.filled(one, 0, "float32"),
        history=ints,
        history_logprobs=floats,
        best=g.filled(one, UNFINISHED, "float32"),
        best_history=ints,
        best_logprobs=floats,
        finished=g.filled(one, 0, "int64"),
    )


def select(
    g: Graph, model: Checkpoint, logits: str, bias: str, beams: Beams, candidates: str, names: dict | None = None
) -> tuple[Beams, str, str]:
    """Extends every hypothesis by one token.

    logits (B, k, V) of the k beams so far; bias (1 or B, V); `candidates` (1,) tokens looked at per beam; `names`
    fixes output names where the loop wants them.
    Returns the new state, the parent row of each new row (R,) and whether the search goes on (scalar bool).
    Outer values used: `beam.1` (1,) is K and `beam.2` (1,) is 2K.
    """
    g.section = "search"
    names = names or {}
    end_of_text = g.int(model.tokens["endOfText"])
    ranked = _rank(g, logits, bias, beams, candidates, end_of_text)
    best = _finish(g, beams, ranked, end_of_text, names)
    alive, rows = _survive(g, beams, ranked, names)
    finished = best["finished"]
    # Goes on until every row has K finished hypotheses; TopK of the negated counts finds the fewest.
    count = g("Neg", g("Cast", g("Squeeze", finished, g.ints(1)), to=FLOAT))
    fewest = g("Squeeze", g("TopK", count, g.ints(1), outputs=2, axis=0)[0])
    goes_on = g("Less", g("Neg", fewest), g("Cast", g("Squeeze", "beam.1"), to=FLOAT), name=names.get("goes_on"))
    return Beams(**alive, **best), rows, goes_on


def _rank(g: Graph, logits: str, bias: str, beams: Beams, candidates: str, end_of_text: str) -> Candidates:
    scores = g("Add", logits, g("Unsqueeze", bias, g.ints(1)))
    peak = g("ReduceMax", scores, g.ints(2), keepdims=1)
    # ReduceLogSumExp is several times slower than its parts in ONNX Runtime's CPU kernels.
    normaliser = g("Add", peak, g("Log", g("ReduceSum", g("Exp", g("Sub", scores, peak)), g.ints(2), keepdims=1)))
    top, top_tokens = g("TopK", scores, candidates, outputs=2, axis=2)
    flat = g("Concat", g.ints(0, -1), axis=0)
    totals = g("Reshape", g("Add", g("Unsqueeze", beams.score, g.ints(2)), g("Sub", top, normaliser)), flat)
    score, rank = g("TopK", totals, "beam.2", outputs=2, axis=1)
    tokens = g("GatherElements", g("Reshape", top_tokens, flat), rank, axis=1)
    parent = g("Div", rank, candidates)  # beam within the utterance
    width = g.dim(beams.score, 1)
    base = g("Unsqueeze", g("Mul", g.range(g.dim(beams.score, 0)), width), g.ints(1))
    return Candidates(score, tokens, rows=g("Add", parent, base), ends=g("Equal", tokens, end_of_text))


def _finish(g: Graph, beams: Beams, ranked: Candidates, end_of_text: str, names: dict) -> dict[str, str]:
    """Candidates that end within the first K are finished; the best one is kept until K have finished."""
    length = g("Cast", g("Add", g.dim(beams.history, 1), g.ints(1)), to=FLOAT)
    finishing = g("And", ranked.ends, g("Less", g.range("beam.2"), "beam.1"))
    means = g("Where", finishing, g("Div", ranked.score, length), g.float(NEVER))
    value, which = g("TopK", means, g.ints(1), outputs=2, axis=1)
    better = g("And", g("Less", beams.finished, "beam.1"), g("Greater", value, beams.best))
    row = g("Squeeze", g("GatherElements", ranked.rows, which, axis=1), g.ints(1))
    column = g.shape(g.dim(beams.score, 0), 1)
    previous = g("Gather", g("Reshape", beams.score, g.ints(-1, 1)), row)
    last_logprob = g("Sub", g("Mul", value, length), previous)
    ending = g("Expand", end_of_text, column)
    best_history = g(
        "Where",
        better,
        g("Concat", g("Gather", beams.history, row), ending, axis=1),
        g("Concat", beams.best_history, ending, axis=1),
        name=names.get("best_history"),
    )
    best_logprobs = g(
        "Where",
        better,
        g("Concat", g("Gather", beams.history_logprobs, row), last_logprob, axis=1),
        g("Concat", beams.best_logprobs, g("Expand", g.float(0.0), column), axis=1),
        name=names.get("best_logprobs"),
    )
    best = g("Where", better, value, beams.best, name=names.get("best"))
    newly = g("ReduceSum", g("Cast", finishing, to=INT64), g.ints(1), keepdims=1)
    finished = g("Add", beams.finished, newly, name=names.get("finished"))
    return {"best": best, "best_history": best_history, "best_logprobs": best_logprobs, "finished": finished}


def _survive(g: Graph, beams: Beams, ranked: Candidates, names: dict) -> tuple[dict[str, str], str]:
    """The first K candidates that do not end are the new beams; at most K of 2K can end. Returns their parents too."""
    score, kept = g("TopK", g("Where", ranked.ends, g.float(NEVER), ranked.score), "beam.1", outputs=2, axis=1)
    score = g("Identity", score, name=names["score"]) if "score" in names else score
    tokens = g("GatherElements", ranked.tokens, kept, axis=1, name=names.get("tokens"))
    rows = g("Reshape", g("GatherElements", ranked.rows, kept, axis=1), g.ints(-1))
    reached = g("Reshape", score, g.ints(-1, 1))
    logprob = g("Sub", reached, g("Gather", g("Reshape", beams.score, g.ints(-1, 1)), rows))
    history = g(
        "Concat",
        g("Gather", beams.history, rows),
        g("Reshape", tokens, g.ints(-1, 1)),
        axis=1,
        name=names.get("history"),
    )
    history_logprobs = g(
        "Concat", g("Gather", beams.history_logprobs, rows), logprob, axis=1, name=names.get("history_logprobs")
    )
    return {"tokens": tokens, "score": score, "history": history, "history_logprobs": history_logprobs}, rows


def result(g: Graph, beams: Beams) -> None:
    """Writes the outputs `tokens` and `logprobs`: the best finished hypothesis, else the best unfinished one."""
    unfinished = g("Less", beams.best, g.float(UNFINISHED / 10))
    first = g("Mul", g.range(g.dim(beams.score, 0)), "beam.1")
    g("Where", unfinished, g("Gather", beams.history, first), beams.best_history, name="tokens")
    g("Where", unfinished, g("Gather", beams.history_logprobs, first), beams.best_logprobs, name="logprobs")
