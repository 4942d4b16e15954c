"""An utterance that goes on: what was encoded of its beginning is given back, and only the rest is encoded."""

import numpy as np
import pytest

from tiny_whisper import PREFIX, no_past, until_end

LENGTH = 32
CONTEXT = 2  # positions
POSITION_SAMPLES = 320


@pytest.fixture(scope="module", params=["float", "float16", "int8", "int8-rows"])
def precision(request) -> str:
    return request.param


@pytest.mark.parametrize("beam", [1, 3])
def test_the_rest_of_an_utterance_is_encoded_as_it_is_with_its_beginning(with_tail, precision, pcm, beam):
    """Old positions that have heard everything: then nothing may differ, whatever rows are beside each other."""
    # In 8 bits a value that lies between two levels may fall to either.
    tolerance = 1e-3 if precision == "float" else 0.1
    lengths, olds = [200, 150, 96, 60], [120, 8, 90, 31]
    whole = np.zeros((4, max(lengths) * POSITION_SAMPLES), np.float32)
    for row, length in enumerate(lengths):
        whole[row, : (length - 5) * POSITION_SAMPLES] = pcm[row, : (length - 5) * POSITION_SAMPLES]
    # The loudest sound is in the part that is not encoded again.
    whole[0, 30000:30800] *= 8
    samples = [length * POSITION_SAMPLES for length in lengths]
    expected = with_tail.run_all(whole, LENGTH, beam, samples, keep=True)
    first = [old - CONTEXT for old in olds]
    rests = [length - start for length, start in zip(lengths, first, strict=True)]
    rest = np.zeros((4, max(rests) * POSITION_SAMPLES), np.float32)
    past = {**no_past(4), "past": np.full((*expected[4].shape[:2], max(olds), 64), 7, np.float32)}
    for row, old in enumerate(olds):
        rest[row, : rests[row] * POSITION_SAMPLES] = whole[
            row, first[row] * POSITION_SAMPLES : lengths[row] * POSITION_SAMPLES
        ]
        past["past"][:, row, :old] = expected[4][:, row, :old]
    past |= {"past_positions": np.array(olds), "past_context": np.array([CONTEXT]), "past_peak": expected[5]}
    got = with_tail.run_all(rest, LENGTH, beam, [n * POSITION_SAMPLES for n in rests], past=past, keep=True)
    for row, (old, length) in enumerate(zip(olds, lengths, strict=True)):
        tokens = until_end(expected[0][row])
        assert until_end(got[0][row]) == tokens
        assert np.abs(got[1][row, : len(tokens)] - expected[1][row, : len(tokens)]).max() < tolerance
        difference = np.abs(got[4][:, row, : length - old] - expected[4][:, row, old:length]).max()
        print(f"row {row}: largest difference {difference:.1e}")
        assert difference < tolerance
    assert np.abs(got[5] - expected[5]).max() < 1e-4
    # Else the comparison would prove little.
    assert len({tuple(until_end(row)) for row in got[0]}) == 4


def test_the_beginning_matters(with_tail, pcm):
    """Else the comparison above would prove nothing."""
    samples = [100 * POSITION_SAMPLES] * 4
    batch = pcm[:, : samples[0]].copy()
    begun = with_tail.run_all(batch, LENGTH, keep=True)
    past = {**no_past(4), "past": begun[4][:, :, :60], "past_positions": np.full(4, 60), "past_peak": begun[5]}
    with_past = with_tail.run_all(batch, LENGTH, past=past)
    assert [until_end(row) for row in with_past[0]] != [until_end(row) for row in begun[0]]


def test_nothing_is_given_that_nobody_keeps(with_tail, pcm):
    begun = with_tail.run_all(pcm[:, :32000], LENGTH, prompt=PREFIX)
    assert begun[4].shape[2] == 0
