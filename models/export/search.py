"""Beam search as graph nodes; greedy search is the beam of one.

Finished hypotheses leave the beam for a store of the best one (score / length). A row stops when as many have
finished as the beam is wide: stopping at the first drops the ends of sentences. Hypotheses are ranked by the sum of
their log-probabilities and of what hints.py adds to it.
"""

from dataclasses import dataclass

from checkpoint import Checkpoint
from graph import FLOAT, INT64, NEVER, Graph
from hints import offer, prepare_hints
from reductions import count, least_is_below

UNFINISHED = -1e8  # score of a best hypothesis that does not exist yet; above NEVER, below every real score


@dataclass
class Beams:
    """The state of a search. B utterances, K beams, R = B * K rows, t tokens so far."""

    tokens: str  # (B, K) the newest token of each beam
    score: str  # (B, K) sum of log-probabilities and hints
    hint_state: str  # (B, K) state in the trie of hints
    history: str  # (R, t) tokens
    history_logprobs: str  # (R, t) without hints
    best: str  # (B, 1) score / length of the best finished hypothesis
    best_history: str  # (B, t), filled up with end-of-text
    best_logprobs: str  # (B, t), filled up with 0
    finished: str  # (B, 1) hypotheses finished so far

    SPECIFICATION = (  # names, types and shapes as the loop carries them
        ("tokens", INT64, ["B", "K"]),
        ("score", FLOAT, ["B", "K"]),
        ("hint_state", INT64, ["B", "K"]),
        ("history", INT64, ["R", "t"]),
        ("history_logprobs", FLOAT, ["R", "t"]),
        ("best", FLOAT, ["B", 1]),
        ("best_history", INT64, ["B", "t"]),
        ("best_logprobs", FLOAT, ["B", "t"]),
        ("finished", INT64, ["B", 1]),
    )
    FIELDS = tuple(field for field, _, _ in SPECIFICATION)

    def values(self) -> list[str]:
        return [getattr(self, field) for field in self.FIELDS]


@dataclass
class Breadth:
    """How far one step of the search looks; the same in every step of the loop. Names of values made before it."""

    beam: str  # (1,) K
    double: str  # (1,) 2K
    candidates: str  # (1,) M: tokens of the vocabulary looked at per hypothesis
    offers: str  # (1,) M and the children of a state of the trie
    rows: str  # (B, 1) the first row of each utterance


@dataclass
class Candidates:
    """The 2K best extensions of each utterance's hypotheses, best first."""

    score: str  # (B, 2K) sum of log-probabilities and hints
    tokens: str  # (B, 2K)
    logprobs: str  # (B, 2K) of the token, without hints
    hint_state: str  # (B, 2K)
    rows: str  # (B, 2K) the extended hypothesis as a row of the batch
    ends: str  # (B, 2K) whether the token is end-of-text


def prepare(g: Graph, model: Checkpoint, batch: str) -> tuple[Breadth, Breadth]:
    """What the search reads in every step, made once: see the names below. `batch` is (1,).

    Returns the breadth of the first token's search, from one hypothesis per utterance, and that of all others.
    """
    prepare_hints(g)
    g("Unsqueeze", "beam", g.ints(0), name="beam.1")
    g("Mul", "beam.1", g.ints(2), name="beam.2")
    g("Less", g.range("beam.2"), "beam.1", name="beam.finishing")  # (2K,) candidates that may finish
    column = g.shape(batch, 1)
    g("Expand", g.int(model.tokens["endOfText"]), column, name="column.end")
    g("Expand", g.float(0.0), column, name="column.zero")
    if g.half:
        g("Expand", g.float(1.0), g.shape("beam.2", 1), name="beam.ones")
    utterances = g("Unsqueeze", g.range(batch), g.ints(1))
    # Of K + 1 tokens at most one ends, so that K remain.
    later = g("Add", "beam.1", g.ints(1), name="beam.candidates")
    return (
        Breadth("beam.1", "beam.2", "beam.2", g("Add", "beam.2", "hints.children", name="offers.first"), utterances),
        Breadth(
            "beam.1",
            "beam.2",
            later,
            g("Add", later, "hints.children", name="offers.later"),
            g("Mul", utterances, "beam.1", name="beam.rows"),
        ),
    )


def empty(g: Graph, batch: str) -> Beams:
    """The state before the first token, with one beam per utterance. `batch` is (1,)."""
    none, one = g.shape(batch, 0), g.shape(batch, 1)
    ints, floats = g.filled(none, 0, "int64"), g.filled(none, 0, "float32")
    return Beams(
        tokens=g.filled(one, 0, "int64"),
        score=g.filled(one, 0, "float32"),
        hint_state=g.filled(one, 0, "int64"),
        history=ints,
        history_logprobs=floats,
        best=g.filled(one, UNFINISHED, "float32"),
        best_history=ints,
        best_logprobs=floats,
        finished=g.filled(one, 0, "int64"),
    )


def select(
    g: Graph, model: Checkpoint, logits: str, bias: str, beams: Beams, breadth: Breadth, names: dict | None = None
) -> tuple[Beams, str, str]:
    """Extends every hypothesis by one token.

    logits (B, k, V) of the k beams so far; bias (1 or B, 1, V); `names` fixes output names where the loop wants them.
    Returns the new state, the parent row of each new row (R,) and whether the search goes on (scalar bool).
    """
    g.section = "search"
    names = names or {}
    ranked = _rank(g, model, logits, bias, beams, breadth)
    best = _finish(g, beams, ranked, names)
    alive, rows = _survive(g, beams, ranked, breadth, names)
    # Until every utterance has K finished hypotheses.
    goes_on = least_is_below(g, best["finished"], "beam", names.get("goes_on"))
    return Beams(**alive, **best), rows, goes_on


def _rank(g: Graph, model: Checkpoint, logits: str, bias: str, beams: Beams, breadth: Breadth) -> Candidates:
    scores = g("Add", logits, bias)
    if g.half:  # one kernel of the card's own, and nothing is left to subtract
        scores, normaliser = g("LogSoftmax", scores, axis=-1), g.float(0.0)
    else:
        normaliser = _normaliser(g, scores)
    offers = offer(g, scores, normaliser, breadth.candidates, beams.hint_state)
    before = g("Add", g("Unsqueeze", beams.score, g.ints(2)), offers.change)
    flat = g.ints(0, -1)  # (B, k * offers)
    totals = g("Reshape", g("Add", before, offers.logprobs), flat)
    score, rank = g("TopK", totals, breadth.double, outputs=2, axis=1)
    tokens, logprobs, hint_state = (
        g("GatherElements", g("Reshape", values, flat), rank, axis=1)
        for values in (offers.tokens, offers.logprobs, offers.state)
    )
    rows = g("Add", g("Div", rank, breadth.offers), breadth.rows)
    ends = g("Equal", tokens, g.int(model.tokens["endOfText"]))
    return Candidates(score, tokens, logprobs, hint_state, rows, ends)


def _normaliser(g: Graph, scores: str) -> str:
    """scores (B, k, V) -> what to take from them for log-probabilities, (B, k, 1)."""
    peak = g("ReduceMax", scores, g.ints(2), keepdims=1)
    # ReduceLogSumExp is several times slower than its parts in ONNX Runtime's CPU kernels.
    return g("Add", peak, g("Log", g("ReduceSum", g("Exp", g("Sub", scores, peak)), g.ints(2), keepdims=1)))


def _finish(g: Graph, beams: Beams, ranked: Candidates, names: dict) -> dict[str, str]:
    """Candidates that end within the first K are finished; the best one is kept until K have finished."""
    length = g("Cast", g("Add", g.dim(beams.history, 1), g.ints(1)), to=FLOAT)
    finishing = g("And", ranked.ends, "beam.finishing")
    means = g("Where", finishing, g("Div", ranked.score, length), g.float(NEVER))
    value, which = g("TopK", means, g.ints(1), outputs=2, axis=1)
    better = g("And", g("Less", beams.finished, "beam.1"), g("Greater", value, beams.best))
    row = g("Squeeze", g("GatherElements", ranked.rows, which, axis=1), g.ints(1))
    best_history = g(
        "Where",
        better,
        g("Concat", g("Gather", beams.history, row), "column.end", axis=1),
        g("Concat", beams.best_history, "column.end", axis=1),
        name=names.get("best_history"),
    )
    last_logprob = g("GatherElements", ranked.logprobs, which, axis=1)
    best_logprobs = g(
        "Where",
        better,
        g("Concat", g("Gather", beams.history_logprobs, row), last_logprob, axis=1),
        g("Concat", beams.best_logprobs, "column.zero", axis=1),
        name=names.get("best_logprobs"),
    )
    best = g("Where", better, value, beams.best, name=names.get("best"))
    newly = count(g, finishing, "beam.ones")
    finished = g("Add", beams.finished, newly, name=names.get("finished"))
    return {"best": best, "best_history": best_history, "best_logprobs": best_logprobs, "finished": finished}


def _survive(g: Graph, beams: Beams, ranked: Candidates, breadth: Breadth, names: dict) -> tuple[dict[str, str], str]:
    """The first K candidates that do not end are the new beams; at most K of 2K can end. Returns their parents too."""
    going_on = g("Where", ranked.ends, g.float(NEVER), ranked.score)
    score, kept = g("TopK", going_on, breadth.beam, outputs=2, axis=1)
    score = g("Identity", score, name=names["score"]) if "score" in names else score
    tokens = g("GatherElements", ranked.tokens, kept, axis=1, name=names.get("tokens"))
    hint_state = g("GatherElements", ranked.hint_state, kept, axis=1, name=names.get("hint_state"))
    rows = g("Reshape", g("GatherElements", ranked.rows, kept, axis=1), g.ints(-1))
    history = {}
    for field, newest in (
        ("history", tokens),
        ("history_logprobs", g("GatherElements", ranked.logprobs, kept, axis=1)),
    ):
        parents = g("Gather", getattr(beams, field), rows)
        history[field] = g("Concat", parents, g("Reshape", newest, g.ints(-1, 1)), axis=1, name=names.get(field))
    return {"tokens": tokens, "score": score, "hint_state": hint_state, **history}, rows


def result(g: Graph, beams: Beams) -> None:
    """Writes the outputs `tokens` and `logprobs`: the best finished hypothesis, else the best unfinished one."""
    unfinished = g("Less", beams.best, g.float(UNFINISHED / 10))
    # The limit cuts a hint off like everything else that leaves it.
    score = g("Sub", beams.score, g("Gather", "hint_debt", beams.hint_state))
    first = g("Squeeze", g("Add", g("TopK", score, g.ints(1), outputs=2, axis=1)[1], "beam.rows"), g.ints(1))
    g("Where", unfinished, g("Gather", beams.history, first), beams.best_history, name="tokens")
    g("Where", unfinished, g("Gather", beams.history_logprobs, first), beams.best_logprobs, name="logprobs")
