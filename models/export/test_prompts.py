"""Rows of one batch may have prompts of different lengths: each must be as it is alone."""

import numpy as np
import pytest

from tiny_whisper import PREFIX, PREVIOUS, START, until_end

LENGTH = 32
SAMPLES = [320 * positions for positions in (248, 96, 160, 48)]
TEXT = [PREVIOUS, 11, 12, 13, 14, 15]
# Nothing but the start tokens, a forced prefix, text before them, both.
PROMPTS = [PREFIX, [*PREFIX, 30, 31], TEXT + PREFIX, [*TEXT[:3], *PREFIX, 40]]


@pytest.fixture(scope="module", params=["float", "float16", "int8"])
def precision(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def batch(pcm) -> np.ndarray:
    return np.stack([pcm[row, : max(SAMPLES)] * (np.arange(max(SAMPLES)) < n) for row, n in enumerate(SAMPLES)])


@pytest.mark.parametrize("beam", [1, 3])
def test_a_row_with_its_own_prompt_is_as_it_is_alone(with_tail, precision, batch, beam):
    """Whatever stands in the padding: start tokens there must not be taken for the row's own.

    Other columns group the sums of attention otherwise; activations in 8 bits make their last bits visible.
    """
    tolerance = {"float": 1e-3, "float16": 3e-2, "int8": 3e-2}[precision]
    for padding in (START, 7):
        together = with_tail.run_with(batch, LENGTH, beam, SAMPLES, PROMPTS, padding, align=True)
        for row, (length, prompt) in enumerate(zip(SAMPLES, PROMPTS, strict=True)):
            sound = batch[row : row + 1, :length]
            alone = with_tail.run_with(sound, LENGTH, beam, [length], prompt, align=True)
            tokens = until_end(alone[0][0])
            assert until_end(together[0][row]) == tokens
            assert np.abs(together[1][row, : len(tokens)] - alone[1][0, : len(tokens)]).max() < tolerance
            assert abs(np.log(together[2][row]) - np.log(alone[2][0])) < tolerance
            aligned = together[3][row, :, : len(tokens), : length // 320]
            assert np.abs(aligned - alone[3][0, :, : len(tokens)]).max() < tolerance


@pytest.mark.parametrize("beam", [1, 3])
def test_padding_by_sixteen_changes_no_bit(with_tail, batch, beam):
    """So callers who fill up to such multiples get from a row what it gives alone. No processor sums more at once."""
    for row, (length, prompt) in enumerate(zip(SAMPLES, PROMPTS, strict=True)):
        sound = batch[row : row + 1, :length]
        less, more = (
            with_tail.run_with(sound, LENGTH, beam, [length], prompt, multiple=multiple) for multiple in (16, 32)
        )
        np.testing.assert_array_equal(less[0], more[0])
        np.testing.assert_array_equal(less[1], more[1])


def test_the_prompts_of_this_file_make_a_difference(with_tail, pcm):
    """Else the test above would prove little."""
    sound = np.repeat(pcm[:1, : 320 * 160], 4, axis=0)
    tokens, _, no_speech, _ = with_tail.run_with(sound, LENGTH, prompt=PROMPTS)
    assert len({tuple(row) for row in tokens.tolist()}) == 4
    assert len({round(float(value), 7) for value in no_speech}) >= 3


def test_the_longest_prompt_leaves_room_for_the_last_position(exported, pcm):
    """448 positions in all, as the model has; the shorter row's count from its own start."""
    long = [PREVIOUS, *[11 + k % 200 for k in range(448 - LENGTH - 1 - len(PREFIX))], *PREFIX]
    tokens, _, _, _ = exported.run_with(pcm[:2], LENGTH, 3, prompt=[long, PREFIX])
    assert until_end(tokens[1]) == until_end(exported.run(pcm[1:2], LENGTH, 3)[0][0])
    assert until_end(tokens[0]) == until_end(exported.run(pcm[:1], LENGTH, 3, prompt=long)[0][0])
