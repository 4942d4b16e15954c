"""Compares the search with hints with a plain program over the logits of transformers, on random tries."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import onnxruntime
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument

import tiny_whisper as tiny
from checkpoint import load_checkpoint
from model import build_encoder
from tiny_whisper import END, NO_HINTS, PREFIX, SUPPRESS, SUPPRESS_AT_BEGIN, VOCABULARY, Exported, Oracle, until_end

LENGTH = 10
SAMPLES = [320 * positions for positions in (60, 41, 24)]
TRIES = 25
NEAR = 3e-4  # hypotheses closer than this may swap places by rounding


@dataclass
class Trie:
    """States of a trie by number, as the inputs of the graph: a dictionary of children per state."""

    children: list[dict[int, tuple[float, int]]] = field(default_factory=lambda: [{}])  # token -> bonus, next state
    root: dict[int, int] = field(default_factory=dict)
    debt: list[float] = field(default_factory=lambda: [0.0])

    def inputs(self) -> dict[str, np.ndarray]:
        width = max(1, *map(len, self.children))
        shape = (len(self.children), width)
        tokens, bonus, following = np.full(shape, -1), np.zeros(shape, np.float32), np.zeros(shape, np.int64)
        for state, children in enumerate(self.children):
            for k, (token, (gain, target)) in enumerate(children.items()):
                tokens[state, k], bonus[state, k], following[state, k] = token, gain, target
        root = np.zeros(VOCABULARY, np.int64)
        for token, state in self.root.items():
            root[token] = state
        debt = np.array(self.debt, np.float32)
        names = ("hint_tokens", "hint_bonus", "hint_next", "hint_debt", "hint_root")
        return dict(zip(names, (tokens, bonus, following, debt, root), strict=True))

    def changes(self, state: int) -> np.ndarray:
        """What each token of the vocabulary adds to the score in `state`."""
        change = np.full(VOCABULARY, -self.debt[state])
        for token, (gain, _) in self.children[state].items():
            change[token] = gain
        return change

    def behind(self, state: int, token: int) -> int:
        return self.children[state][token][1] if token in self.children[state] else self.root.get(token, 0)


def make_trie(hints: list[list[int]], random: np.random.Generator) -> Trie:
    trie = Trie()
    complete = {tuple(hint) for hint in hints}
    states: dict[tuple, int] = {(): 0}
    for prefix in sorted({tuple(hint[:n]) for hint in hints for n in range(1, len(hint) + 1)}):
        states[prefix] = len(states)
        trie.children.append({})
        parent, gain = states[prefix[:-1]], float(np.float32(random.uniform(0, 4)))
        if len(prefix) == 1:
            trie.root[prefix[0]] = states[prefix]
        else:
            trie.children[parent][prefix[-1]] = (gain, states[prefix])
        trie.debt.append(0.0 if prefix in complete else trie.debt[parent] + gain)
    return trie


class Logits:
    """Log-probabilities of transformers for one row, remembered by what came before."""

    def __init__(self, oracle: Oracle, states: np.ndarray, bonus: np.ndarray) -> None:
        self.oracle, self.states, self.bonus, self.known = oracle, states, bonus, {}

    def behind(self, tokens: tuple[int, ...]) -> np.ndarray:
        if tokens not in self.known:
            row = np.array([[*PREFIX, *tokens, *[END] * (LENGTH - len(tokens))]])
            self.known[tokens] = self.oracle.logits(self.states, row)[0, len(PREFIX) - 1 + len(tokens)]
        suppressed = SUPPRESS if tokens else SUPPRESS + SUPPRESS_AT_BEGIN
        return tiny.log_softmax(self.known[tokens] + tiny.suppression(suppressed)[0] + self.bonus)


@dataclass(order=True)
class Hypothesis:
    score: float
    tokens: tuple[int, ...] = field(compare=False)
    logprobs: tuple[float, ...] = field(compare=False)
    state: int = field(compare=False)


def plain_search(logits: Logits, trie: Trie, beam: int) -> tuple[Hypothesis, bool]:
    """The rules at the heads of search.py and hints.py, looking at every token. Also whether a choice was close."""
    alive, finished, close = [Hypothesis(0.0, (), (), 0)], [], False
    for _ in range(LENGTH):
        logprobs = np.stack([logits.behind(one.tokens) for one in alive])
        scores = np.stack([one.score + trie.changes(one.state) for one in alive]) + logprobs
        ranked = []
        for index in np.argsort(-scores, axis=None)[: 2 * beam + 1].tolist():
            k, token = divmod(index, VOCABULARY)
            one, state = alive[k], trie.behind(alive[k].state, token)
            said = (*one.tokens, token)
            ranked.append(Hypothesis(scores[k, token], said, (*one.logprobs, logprobs[k, token]), state))
        # Every line that decides, of who finishes and who goes on, lies between these ranks.
        close |= any(a.score - b.score < NEAR for a, b in pairwise(ranked[beam - 1 :]))
        finished += [one for one in ranked[:beam] if one.tokens[-1] == END]
        alive = [one for one in ranked[: 2 * beam] if one.tokens[-1] != END][:beam]
        if len(finished) >= beam:
            break
    if finished:
        ends = [(one.score / len(one.tokens), one) for one in finished]
    else:
        ends = [(one.score - trie.debt[one.state], one) for one in alive]
    ends.sort(reverse=True)
    close |= len(ends) > 1 and ends[0][0] - ends[1][0] < NEAR
    return ends[0][1], close


def random_hints(rows: list[Logits], random: np.random.Generator) -> list[list[int]]:
    """Phrases that the model might say: each begins behind some of its words and goes on with likely tokens."""
    hints = []
    for _ in range(random.integers(1, 9)):
        logits = rows[random.integers(len(rows))]
        said: tuple[int, ...] = ()
        for _ in range(random.integers(1, 6)):
            likely = [token for token in np.argsort(-logits.behind(said))[:4].tolist() if token != END]
            said = (*said, int(random.choice(likely)))
        hints.append(list(said[random.integers(len(said)) :]))
        if random.random() < 0.5:  # a longer hint behind a complete one, or two that share a beginning
            hints.append([*hints[-1][: random.integers(1, 3)], *random.integers(0, END, 2).tolist()])
    return hints


@pytest.fixture(scope="module")
def encoder(folder) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(build_encoder(load_checkpoint(str(folder))).SerializeToString())


@pytest.fixture(scope="module")
def heard(encoder, pcm) -> list[np.ndarray]:
    """Encoder states (1, T, width) of each row."""
    return [
        encoder.run(None, {"pcm": pcm[row : row + 1, :length], "samples": np.array([length])})[0]
        for row, length in enumerate(SAMPLES)
    ]


def batch(pcm: np.ndarray) -> np.ndarray:
    return np.stack([pcm[row, : max(SAMPLES)] * (np.arange(max(SAMPLES)) < n) for row, n in enumerate(SAMPLES)])


@pytest.mark.parametrize("beam", [1, 3, 5])
def test_search_with_hints_is_that_of_a_plain_program(oracle, exported: Exported, heard, pcm, beam):
    random = np.random.default_rng(beam)
    known = [{} for _ in heard]
    changed = compared = completed = 0
    plain = [until_end(row) for row in exported.run(batch(pcm), LENGTH, beam, SAMPLES)[0]]
    for _ in range(TRIES):
        bonus = np.zeros(VOCABULARY)
        rows = [Logits(oracle, states, bonus) for states in heard]
        for row, remembered in zip(rows, known, strict=True):
            row.known = remembered
        hints = random_hints(rows, random)
        trie = make_trie(hints, random)
        bonus[list(trie.root)] = random.uniform(0, 2)
        tokens, logprobs, _, _ = exported.run_with(batch(pcm), LENGTH, beam, SAMPLES, hints=trie.inputs(), bonus=bonus)
        for row, logits in enumerate(rows):
            expected, close = plain_search(logits, trie, beam)
            if close:
                continue
            compared += 1
            found = until_end(tokens[row])
            assert found == list(expected.tokens), (hints, trie)
            assert np.abs(logprobs[row, : len(found)] - expected.logprobs).max() < 1e-3
            changed += found != plain[row]
            text = f",{','.join(map(str, found))},"
            completed += any(len(hint) > 1 and f",{','.join(map(str, hint))}," in text for hint in hints)
    print(f"beam {beam}: {compared} compared, {changed} changed by hints, {completed} with a whole hint in them")
    # Else the comparison would prove little.
    assert compared > 2 * TRIES and changed > TRIES / 2 and completed > TRIES / 4


def test_a_word_that_the_model_ranks_low_is_found_by_its_hint_alone(exported, heard, oracle, pcm):
    """Its second token is far below the beam: only the trie can offer it."""
    logits = Logits(oracle, heard[0], np.zeros(VOCABULARY))
    first = int(np.argsort(-logits.behind(()))[0])
    allowed = [token for token in np.argsort(-logits.behind((first,))).tolist() if token not in (*SUPPRESS, END)]
    rare = allowed[100]
    trie = Trie([{}, {rare: (20.0, 2)}, {}], {first: 1}, [0.0, 0.0, 0.0])
    sound = pcm[:1, : SAMPLES[0]]
    tokens, logprobs, _, _ = exported.run_with(sound, LENGTH, 3, hints=trie.inputs())
    assert tokens[0, :2].tolist() == [first, rare]
    assert abs(logprobs[0, 1] - logits.behind((first,))[rare]) < 1e-3


def test_a_trie_without_any_effect_changes_nothing(exported, pcm):
    """No bonus and no debt; tokens to the bit, whatever the table's size."""
    trie = Trie([{}, {5: (0.0, 2), 6: (0.0, 3)}, {}, {7: (0.0, 2)}], {4: 1, 5: 1}, [0.0] * 4)
    for beam in (1, 3, 5):
        ours = exported.run_with(batch(pcm), LENGTH, beam, SAMPLES, hints=trie.inputs())
        plain = exported.run_with(batch(pcm), LENGTH, beam, SAMPLES, hints=NO_HINTS)
        np.testing.assert_array_equal(ours[0], plain[0])
        np.testing.assert_array_equal(ours[1], plain[1])


@pytest.mark.parametrize(
    "damage",
    [
        lambda tables: tables["hint_next"].fill(9),
        lambda tables: tables["hint_root"].fill(9),
        lambda tables: tables["hint_tokens"].fill(VOCABULARY),
    ],
    ids=["a child's state", "a beginning's state", "a token"],
)
def test_numbers_outside_the_tables_end_the_run_with_an_error(exported, pcm, damage):
    tables = Trie([{}, {}], dict.fromkeys(range(END), 1), [0.0, 0.0]).inputs()
    tables["hint_tokens"][1], tables["hint_bonus"][1] = 5, 50
    damage(tables)
    with pytest.raises((Fail, InvalidArgument)):
        exported.run_with(pcm[:1, : SAMPLES[0]], LENGTH, 3, hints=tables)
