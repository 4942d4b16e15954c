"""What rounding to float16 does to whisper-base on speech. Needs its weights: WHISPER_BASE; SPEECH names other clips.

    WHISPER_BASE=/path/to/whisper-base SPEECH=/path/to/speech python -m pytest -s test_half_speech.py

SPEECH is a folder as fixtures/speech; without it a few of those are taken.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from checkpoint import Checkpoint, load_checkpoint
from export import SPEECH
from graph import HALF_MAXIMUM
from half_speech import compare
from tail import measure_tail, read_clips

CONFIG = Path(__file__).parent / "whisper-base"
WHISPER_BASE = os.environ.get("WHISPER_BASE", "")
MORE_SPEECH = os.environ.get("SPEECH", "")
FEW = 16  # clips of the project's
LONGEST_SECONDS = 29.5  # with the silence behind them

pytestmark = pytest.mark.skipif(not WHISPER_BASE, reason="WHISPER_BASE names no folder with the original weights")


@pytest.fixture(scope="module")
def whisper_base() -> Checkpoint:
    return load_checkpoint(WHISPER_BASE, str(CONFIG), "whisper-base")


@pytest.fixture(scope="module")
def tail(whisper_base, few_clips):
    return measure_tail(whisper_base, few_clips)


@pytest.fixture(scope="module")
def clips() -> list[np.ndarray]:
    return read_clips(Path(MORE_SPEECH), LONGEST_SECONDS) if MORE_SPEECH else read_clips(SPEECH)[:FEW]


@pytest.mark.parametrize("beam", [1, 3])
def test_at_least_99_percent_of_the_tokens_of_speech_agree_with_float32(whisper_base, tail, clips, capsys, beam):
    found = compare(whisper_base, tail, clips, beam)
    with capsys.disabled():
        print(f"\nbeam {beam}: {found}")
    assert found.tokens > 50
    assert found.same_tokens >= 0.99 * found.tokens
    assert max(found.extremes.values()) <= HALF_MAXIMUM


def test_no_value_leaves_the_range_on_speech_that_is_far_too_loud_or_quiet_or_not_there(whisper_base, tail, clips):
    """Cut off at full scale, 100 dB down, a click, a tone at the end of the range, and nothing."""
    speech = max(clips[:FEW], key=len)
    click = np.zeros(32000, np.float32)
    click[16000] = 1
    square = np.sign(np.sin(np.arange(32000) * 0.3)).astype(np.float32)
    sounds = [np.clip(speech * 50, -1, 1), speech * np.float32(1e-5), click, square, np.zeros_like(click)]
    found = compare(whisper_base, tail, sounds, 3)
    assert found.clips == len(sounds)
    assert max(found.extremes.values()) <= HALF_MAXIMUM
