"""Hints inside the search: a trie of the words and phrases that a caller expects.

Each hypothesis is in a state of the trie: state 0 is the root, where no hint has begun; every other state stands for
the first tokens of one or more hints. A token that goes on with a hint adds a bonus to the hypothesis's score. A token
that does not, end-of-text included, takes back what was given so far, the debt, and may begin another hint. Beginning
one is free of charge here: a bonus for that is part of `bias`.

The children of a state need not be among the tokens that the model ranks highest, so they are offered beside them.
Nothing is scattered over the vocabulary. Since bonus and debt are at least 0, a token that is no child and does not
belong to a beam's K + 1 highest without the trie does not with it either, and the search stays exact.

Inputs (H states, C children at most, V vocabulary)
  hint_tokens int64 (H, C)       tokens that go on with a hint, filled up with -1
  hint_bonus  float32 (H, C)     what each adds to the score, >= 0
  hint_next   int64 (H, C)       the state that each leads to, 1 to H - 1
  hint_debt   float32 (H)        what leaving the state takes back, >= 0; 0 where a hint is complete, and at the root
  hint_root   int64 (V)          the state that a token at a hint's beginning leads to; 0 for all others
Row 0 of the tables is the root's and has no children. Without hints H and C are 1.
"""

from dataclasses import dataclass

from graph import FLOAT, INT64, NEVER, Graph, value_info
from reductions import largest

IMPOSSIBLE = 4 * NEVER  # worse than any suppressed token


@dataclass
class Offers:
    """M tokens that the model ranks highest and C children, for each of B * k hypotheses."""

    tokens: str  # (B, k, M + C)
    logprobs: str  # (B, k, M + C) the model's own
    change: str  # (B, k, M + C) what the trie adds to the score
    state: str  # (B, k, M + C) state of the trie behind the token


def hint_inputs(vocabulary: int) -> list:
    return [
        value_info("hint_tokens", INT64, ["hint_states", "hint_children"]),
        value_info("hint_bonus", FLOAT, ["hint_states", "hint_children"]),
        value_info("hint_next", INT64, ["hint_states", "hint_children"]),
        value_info("hint_debt", FLOAT, ["hint_states"]),
        value_info("hint_root", INT64, [vocabulary]),
    ]


def prepare_hints(g: Graph) -> None:
    """What every step of the search reads: `hints.bonus` (H, C), `hints.leaving` (H, 1) and `hints.children` (1,) C."""
    padding = g("Less", "hint_tokens", g.int(0))
    g("Where", padding, g.float(IMPOSSIBLE), "hint_bonus", name="hints.bonus")
    g("Unsqueeze", g("Neg", "hint_debt"), g.ints(1), name="hints.leaving")
    g("Identity", g.dim("hint_tokens", 1), name="hints.children")


def offer(g: Graph, scores: str, normaliser: str, candidates: str, state: str) -> Offers:
    """scores (B, k, V) and their normaliser (B, k, 1); `candidates` (1,) M; state (B, k) of the hypotheses."""
    top, top_tokens = g("TopK", scores, candidates, outputs=2, axis=2)
    children = g("Gather", "hint_tokens", state)  # (B, k, C)
    found = g("GatherElements", scores, children, axis=2)  # padding, -1, reads the last token and is IMPOSSIBLE
    return Offers(
        tokens=g("Concat", top_tokens, children, axis=2),
        logprobs=g("Sub", g("Concat", top, found, axis=2), normaliser),
        change=g("Concat", _leaving(g, top_tokens, children, state), g("Gather", "hints.bonus", state), axis=2),
        state=g("Concat", g("Gather", "hint_root", top_tokens), g("Gather", "hint_next", state), axis=2),
    )


def _leaving(g: Graph, top_tokens: str, children: str, state: str) -> str:
    """(B, k, M): the debt taken back; IMPOSSIBLE for tokens that are children, which are offered as such already."""
    same = g("Equal", g("Unsqueeze", top_tokens, g.ints(3)), g("Unsqueeze", children, g.ints(2)))
    child = largest(g, g("Cast", same, to=FLOAT), 3)
    return g("Add", g("Mul", child, g.float(IMPOSSIBLE)), g("Gather", "hints.leaving", state))
