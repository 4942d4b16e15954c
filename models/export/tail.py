"""Measures the silent tail: what the encoder makes of the silence behind speech in a real 30-second window.

For every clip, zeros fill the window to its full length; the states from half a second after the clip's end on are
averaged over the clips, per position. Positions that no clip leaves silent take the first known average.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from checkpoint import Checkpoint
from encoder import POSITION_SAMPLES
from model import build_encoder

MARGIN_POSITIONS = 25  # half a second after the clip, where its reverberation and the window edge have faded
POOL = 8


@dataclass(frozen=True)
class Tail:
    states: np.ndarray  # (source positions / pool, width) averages of `pool` neighbouring positions
    pool: int


def measure_tail(model: Checkpoint, speech: Path) -> Tail:
    """Averages over the clips of the folder `speech` (a `manifest.jsonl` and `phone/<id>.wav`, 8 kHz mu-law)."""
    rows = [json.loads(line) for line in (speech / "manifest.jsonl").read_text().splitlines()]
    clips = [read_clip(speech / "phone" / f"{row['id']}.wav") for row in rows if row["seconds"] <= 12]
    session = onnxruntime.InferenceSession(build_encoder(model).SerializeToString(), providers=["CPUExecutionProvider"])
    positions = model.sizes.source_positions
    total, count = np.zeros((positions, model.sizes.width)), np.zeros((positions, 1))
    for clip in clips:
        window = np.zeros((1, positions * POSITION_SAMPLES), np.float32)
        window[0, : len(clip)] = clip
        states = session.run(None, {"pcm": window, "samples": np.array([window.shape[1]])})[0][0]
        silent = min(positions, len(clip) // POSITION_SAMPLES + MARGIN_POSITIONS)
        total[silent:] += states[silent:]
        count[silent:] += 1
    first = int(np.argmax(count[:, 0] > 0))
    mean = total / np.maximum(count, 1)
    mean[:first] = mean[first]
    blocks = positions // POOL
    return Tail(mean[: blocks * POOL].reshape(blocks, POOL, -1).mean(1).astype(np.float32), POOL)


def read_clip(path: Path) -> np.ndarray:
    """A mu-law WAV at 8 kHz as float32 at 16 kHz."""
    chunks = path.read_bytes()
    start = chunks.index(b"data") + 8
    codes = ~np.frombuffer(chunks[start:], np.uint8)
    magnitude = (((codes & 0x0F).astype(np.int32) << 3) + 0x84 << ((codes >> 4) & 0x07)) - 0x84
    pcm = np.where(codes & 0x80, -magnitude, magnitude) / 32768.0
    spectrum = np.fft.rfft(pcm)  # exact doubling of the rate: the upper half band is empty
    doubled = np.zeros(len(pcm) + 1, complex)
    doubled[: len(spectrum)] = spectrum
    return (np.fft.irfft(doubled, 2 * len(pcm)) * 2).astype(np.float32)
