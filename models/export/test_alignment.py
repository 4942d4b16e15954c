"""Compares the output `alignment` with the attention of transformers' own Whisper, on random tiny checkpoints."""

import dataclasses
import json

import numpy as np
import onnxruntime
import pytest

from alignment import alignment_heads
from checkpoint import load_checkpoint
from export import main
from model import build_encoder
from tail import measure_tail
from tiny_whisper import END, PREFIX, PREVIOUS, Exported, until_end

LENGTH = 32
HEADS = [[1, 0], [1, 3]]  # what tiny_whisper.py writes


def expected_alignment(oracle, states: np.ndarray, prompt: list[int], row: list[int], heads=HEADS) -> np.ndarray:
    """(1, A, N, T): the attention behind every token of `row`, teacher-forced on states (1, T, width)."""
    padded = prompt + row + [END] * (LENGTH - len(row))
    attention = oracle.cross_attention(states, np.array([padded]), heads)
    return attention[:, :, len(prompt) - 1 : len(prompt) - 1 + len(row)]


@pytest.fixture(scope="module")
def encoder(folder) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(build_encoder(load_checkpoint(str(folder))).SerializeToString())


@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("text", [[], [PREVIOUS, 11, 12, 13]], ids=["no text", "text before"])
def test_alignment_is_the_attention_of_transformers_for_the_same_tokens(oracle, exported, encoder, pcm, beam, text):
    """In a batch of rows of different lengths, whose outputs differ in length too."""
    prompt = text + PREFIX
    samples = [320 * positions for positions in (248, 96, 160, 48)]
    batch = np.stack(
        [sound[: max(samples)] * (np.arange(max(samples)) < n) for sound, n in zip(pcm, samples, strict=True)]
    )
    tokens, _, _, alignment = exported.run_with(batch, LENGTH, beam, samples, prompt, align=True)
    rows = [until_end(row) for row in tokens]
    assert alignment.shape == (4, len(HEADS), tokens.shape[1], 248)
    assert len({len(row) for row in rows}) > 1
    for b, (row, length) in enumerate(zip(rows, samples, strict=True)):
        states = encoder.run(None, {"pcm": batch[b : b + 1, :length], "samples": np.array([length])})[0]
        expected = expected_alignment(oracle, states, prompt, row)[0]
        ours = alignment[b, :, : len(row)]
        assert np.abs(ours[:, :, : length // 320] - expected).max() < 1e-3
        assert not ours[:, :, length // 320 :].any()
        assert np.abs(ours.sum(-1) - 1).max() < 1e-3
        # Else the comparison would prove little: tokens attend to different places.
        assert np.abs(np.diff(expected, axis=1)).max() > 0.01


def test_attention_to_the_silent_tail_is_cut_off_and_not_given_to_the_utterance(
    folder, oracle, encoder, few_clips, pcm
):
    main([str(folder), str(folder / "tail.onnx"), "--precision", "float", "--speech", str(few_clips)])
    tail = measure_tail(load_checkpoint(str(folder)), few_clips)
    window = pcm[:, : 320 * 200]
    tokens, _, _, alignment = Exported(folder / "tail.onnx", 64).run_with(window, LENGTH, 3, align=True)
    heard = encoder.run(None, {"pcm": window, "samples": np.full(4, window.shape[1])})[0]
    silence = np.repeat(tail.states[25:89], tail.pool, axis=0)
    for b, row in enumerate(map(until_end, tokens)):
        states = np.concatenate([heard[b : b + 1], silence[None]], axis=1)
        expected = expected_alignment(oracle, states, PREFIX, row)[0, :, :, :200]
        assert np.abs(alignment[b, :, : len(row)] - expected).max() < 1e-3
        assert expected.sum(-1).min() < 0.9


def test_without_being_asked_for_it_is_empty_and_nothing_else_changes(exported, pcm):
    *plain, empty = exported.run_with(pcm, LENGTH, 3)
    *aligned, alignment = exported.run_with(pcm, LENGTH, 3, align=True)
    assert empty.shape == (4, len(HEADS), 0, 0)
    assert alignment.shape == (4, len(HEADS), aligned[0].shape[1], 1500)
    for ours, theirs in zip(aligned, plain, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_one_token_has_one_row(exported, pcm):
    assert exported.run_with(pcm, 1, align=True)[3].shape == (4, len(HEADS), 1, 1500)


def test_heads_of_several_layers_come_in_ascending_order_whatever_the_checkpoint_s(folder, oracle, states, pcm):
    model = load_checkpoint(str(folder))
    shuffled = dataclasses.replace(model, tokens=model.tokens | {"alignmentHeads": [[1, 3], [0, 2], [1, 0]]})
    assert alignment_heads(shuffled) == [[0, 2], [1, 0], [1, 3]]
    path = folder / "generation_config.json"
    before = path.read_text()
    try:
        path.write_text(json.dumps(json.loads(before) | {"alignment_heads": [[1, 3], [0, 2], [1, 0]]}))
        main([str(folder), str(folder / "heads.onnx"), "--precision", "float", "--no-tail"])
    finally:
        path.write_text(before)
    tokens, _, _, alignment = Exported(folder / "heads.onnx").run_with(pcm[:1], LENGTH, align=True)
    expected = expected_alignment(oracle, states[:1], PREFIX, until_end(tokens[0]), [[0, 2], [1, 0], [1, 3]])
    assert np.abs(alignment - expected).max() < 1e-3


def test_a_model_that_names_no_heads_gives_those_of_its_upper_half(folder):
    model = load_checkpoint(str(folder))
    unnamed = dataclasses.replace(model, tokens=model.tokens | {"alignmentHeads": []})
    assert alignment_heads(unnamed) == [[1, 0], [1, 1], [1, 2], [1, 3]]
