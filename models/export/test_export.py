"""Compares exported graphs with transformers' own Whisper, on random tiny checkpoints."""

import numpy as np
import onnx
import onnxruntime
import pytest

import tiny_whisper as tiny
from checkpoint import load_checkpoint
from export import main
from graph import FLOAT, Graph, Initialisers, value_info
from mel import log_mel
from model import build_encoder, build_model
from tail import measure_tail
from tiny_whisper import END, NO_SPEECH, PREFIX, PREVIOUS, SUPPRESS, SUPPRESS_AT_BEGIN, Exported, Oracle, until_end

LENGTH = 32  # tokens at most, end-of-text included


def teacher_forced(oracle: Oracle, states: np.ndarray, rows: list[list[int]]) -> list[np.ndarray]:
    """Per row the log-probabilities that transformers gives its tokens behind the prefix, under the suppress lists."""
    padded = np.array([PREFIX + row + [END] * (LENGTH - len(row)) for row in rows])
    logits = oracle.logits(states, padded)[:, len(PREFIX) - 1 : -1]
    logits = logits + tiny.suppression(SUPPRESS)
    logits[:, 0] += tiny.suppression(SUPPRESS_AT_BEGIN)
    logprobs = tiny.log_softmax(logits)
    return [logprobs[b, np.arange(len(row)), row] for b, row in enumerate(rows)]


def test_mel_inside_the_graph_is_that_of_the_feature_extractor(oracle, pcm):
    bands = oracle.model.config.num_mel_bins
    g = Graph("main", Initialisers())
    g("Identity", log_mel(g, "pcm", bands)[0], name="mel")
    model = build_model(g, "mel", [value_info("pcm", FLOAT, ["B", "S"])], [value_info("mel", FLOAT, ["B", "T", bands])])
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    ours = session.run(None, {"pcm": pcm})[0].transpose(0, 2, 1)
    assert ours.shape == (4, bands, 3000)
    difference = np.abs(ours - oracle.features(pcm)).max()
    print(f"largest difference {difference:.1e}")
    assert difference < 1e-3


def test_greedy_search_gives_the_tokens_of_generate(oracle, exported, pcm):
    expected = oracle.generate(pcm, LENGTH)
    tokens, _, _ = exported.run(pcm, LENGTH)
    rows = [until_end(row) for row in tokens]
    print(*rows, sep="\n")
    assert rows == [until_end(row) for row in expected]
    # Else the comparison would prove little: sounds make a difference, and some rows end before the limit.
    assert len({tuple(row) for row in rows}) == 4
    assert any(len(row) < LENGTH for row in rows) and max(map(len, rows)) == LENGTH


@pytest.mark.parametrize("beam", [1, 3, 5])
def test_log_probabilities_are_those_of_transformers_for_the_same_tokens(oracle, exported, pcm, states, beam):
    tokens, logprobs, _ = exported.run(pcm, LENGTH, beam)
    rows = [until_end(row) for row in tokens]
    assert_logprobs(logprobs, teacher_forced(oracle, states, rows))


def assert_logprobs(logprobs: np.ndarray, expected: list[np.ndarray]) -> None:
    for ours, theirs in zip(logprobs, expected, strict=True):
        assert abs(ours.sum() - theirs.sum()) < 1e-3
        assert np.abs(ours[: len(theirs)] - theirs).max() < 1e-3
        assert not ours[len(theirs) :].any()


def test_beam_search_scores_at_least_as_well_as_greedy_search(exported, pcm):
    means = {}
    for beam in (1, 3):
        tokens, logprobs, _ = exported.run(pcm, LENGTH, beam)
        means[beam] = np.array([lp.sum() / len(until_end(t)) for t, lp in zip(tokens, logprobs, strict=True)])
    print(means)
    assert (means[3] >= means[1] - 1e-5).all()
    assert (means[3] > means[1] + 1e-3).any()


@pytest.mark.parametrize("beam", [1, 3, 5])
def test_beam_search_is_that_of_a_plain_program_over_the_logits_of_transformers(oracle, exported, pcm, states, beam):
    tokens, _, _ = exported.run(pcm, LENGTH, beam)
    for row in range(len(pcm)):
        expected = plain_beam_search(oracle, states[row : row + 1], beam)
        assert until_end(tokens[row]) == expected
        # Alone too: in a batch, rows that have not finished keep the others going.
        assert until_end(exported.run(pcm[row : row + 1], LENGTH, beam)[0][0]) == expected


def plain_beam_search(oracle: Oracle, states: np.ndarray, beam: int) -> list[int]:
    """The rules at the head of search.py in plain Python, for states (1, T, width)."""
    alive, finished = [(0.0, [])], []
    while len(alive[0][1]) < LENGTH and len(finished) < beam:
        rows = np.array([PREFIX + tokens + [END] * (LENGTH - len(tokens)) for _, tokens in alive])
        rows = np.concatenate([rows, np.full((beam - len(rows), rows.shape[1]), END)])
        at = len(PREFIX) - 1 + len(alive[0][1])
        logits = oracle.logits(np.repeat(states, beam, 0), rows)[: len(alive), at] + tiny.suppression(SUPPRESS)
        if not alive[0][1]:
            logits += tiny.suppression(SUPPRESS_AT_BEGIN)
        logprobs = tiny.log_softmax(logits)
        extended = [
            (score + logprobs[k, token], [*tokens, token])
            for k, (score, tokens) in enumerate(alive)
            for token in np.argsort(-logprobs[k])[: 2 * beam].tolist()
        ]
        ranked = sorted(extended, reverse=True, key=lambda hypothesis: hypothesis[0])[: 2 * beam]
        finished += [hypothesis for hypothesis in ranked[:beam] if hypothesis[1][-1] == END]
        alive = [hypothesis for hypothesis in ranked if hypothesis[1][-1] != END][:beam]
    return max(finished, key=lambda hypothesis: hypothesis[0] / len(hypothesis[1]))[1] if finished else alive[0][1]


def test_no_speech_is_its_probability_at_the_start_token_also_behind_a_text_prompt(oracle, exported, pcm, states):
    for text in ([], [PREVIOUS, 11, 12, 13]):
        prompt = text + PREFIX
        _, _, no_speech = exported.run(pcm, 1, prompt=prompt)
        logits = oracle.logits(states, np.array([prompt] * len(pcm)))[:, len(text)]
        expected = tiny.log_softmax(logits)[:, NO_SPEECH]
        assert np.abs(no_speech - np.exp(expected)).max() < 1e-4
        assert np.abs(np.log(no_speech) - expected).max() < 1e-3  # the probabilities themselves are small


@pytest.mark.parametrize("precision", ["float", "float16", "int8", "int8-rows"])
@pytest.mark.parametrize("tail_blocks", [None, 64], ids=["no tail", "silent tail"])
@pytest.mark.parametrize("beam", [1, 3])
def test_a_row_in_a_ragged_batch_is_as_it_is_alone(folder, few_clips, pcm, precision, tail_blocks, beam):
    path = folder / f"ragged-{precision}-{tail_blocks}.onnx"
    tail = ["--no-tail"] if tail_blocks is None else ["--speech", str(few_clips)]
    if not path.exists():
        main([str(folder), str(path), "--precision", precision, *tail])
    exported = Exported(path, tail_blocks)
    samples = [320 * positions for positions in (248, 96, 160, 48)]
    batch = np.zeros((4, max(samples)), np.float32)
    for row, (sound, length) in enumerate(zip(pcm, samples, strict=True)):
        # Different loudness too; the last 0.1 s of a window is the caller's silence.
        batch[row, : length - 1600] = sound[: length - 1600] * (1.0, 0.1, 3.0, 0.5)[row]
    together = exported.run(batch, LENGTH, beam, samples)
    for row, length in enumerate(samples):
        alone = exported.run(batch[row : row + 1, :length], LENGTH, beam, [length])
        tokens = until_end(alone[0][0])
        assert until_end(together[0][row]) == tokens
        # What differs in its last bit may round to either side in float16.
        tolerance = 1e-2 if precision == "float16" else 1e-3
        assert np.abs(together[1][row, : len(tokens)] - alone[1][0, : len(tokens)]).max() < tolerance
        assert abs(together[2][row] - alone[2][0]) < 1e-4


def test_the_silent_tail_is_as_if_its_states_followed_those_of_the_utterance(folder, oracle, few_clips, pcm):
    """A block of the tail weighs as much as its positions; a window may end within a block, which is then left out."""
    path = folder / "tail.onnx"
    main([str(folder), str(path), "--precision", "float", "--speech", str(few_clips)])
    model = load_checkpoint(str(folder))
    tail = measure_tail(model, few_clips)
    encoder = onnxruntime.InferenceSession(build_encoder(model).SerializeToString())
    for positions, blocks in [(200, 64), (201, 64), (200, 0), (1400, 64)]:
        window = pcm[:, : 320 * positions]
        first = -(-positions // tail.pool)
        silence = np.repeat(tail.states[first : first + blocks], tail.pool, axis=0)
        heard = encoder.run(None, {"pcm": window, "samples": np.full(4, window.shape[1])})[0]
        states = np.concatenate([heard, np.broadcast_to(silence, (4, *silence.shape))], 1)
        tokens, logprobs, _ = Exported(path, blocks).run(window, LENGTH)
        assert_logprobs(logprobs, teacher_forced(oracle, states, [until_end(row) for row in tokens]))


def test_the_encoder_over_a_full_window_gives_the_states_of_transformers(folder, pcm, states):
    encoder = onnxruntime.InferenceSession(build_encoder(load_checkpoint(str(folder))).SerializeToString())
    ours = encoder.run(None, {"pcm": pcm, "samples": np.full(4, pcm.shape[1])})[0]
    assert np.abs(ours - states).max() < 1e-3


def test_the_graph_passes_the_checker_of_onnx(folder, exported):
    model = onnx.load(folder / "tiny.onnx")
    onnx.checker.check_model(model)
    outputs = ["tokens", "logprobs", "no_speech", "alignment", "new", "peak"]
    assert [entry.name for entry in model.graph.output] == outputs
