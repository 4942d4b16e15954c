"""Measures the silent tail: what the encoder makes of the silence behind speech in a real 30-second window.

For every clip, zeros fill the window to its full length; the states from half a second after the clip's end on are
averaged over the clips, per position. Positions that no clip leaves silent take the first known average.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime

from checkpoint import Checkpoint, ExportError
from decoder import Tail
from encoder import POSITION_SAMPLES
from model import build_encoder

MARGIN_POSITIONS = 25  # half a second after the clip, where its reverberation and the window edge have faded
MAXIMUM_CLIP_SECONDS = 12  # longer clips say nothing about the early positions and cost as much
POOL = 8
MULAW_8_KHZ = (7, 1, 8000)  # format, channels and rate in a WAV header


def measure_tail(model: Checkpoint, speech: Path) -> Tail:
    """Averages over the clips of the folder `speech` (a `manifest.jsonl` and `phone/<id>.wav`, 8 kHz mu-law).

    Runs the float encoder over a full window per clip: minutes for whisper-base and the project's clips. The last
    bits of the states depend on the processor.
    """
    clips = read_clips(speech)
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


def read_clips(speech: Path) -> list[np.ndarray]:
    """The clips of at most 12 s, in the manifest's order. Raises ExportError when there are none."""
    manifest = speech / "manifest.jsonl"
    if not manifest.is_file():
        raise ExportError(f"Expected a folder with manifest.jsonl and phone/ for the silent tail, got {speech}")
    rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    short = [row for row in rows if row["seconds"] <= MAXIMUM_CLIP_SECONDS]
    if not short:
        raise ExportError(f"Expected clips of at most {MAXIMUM_CLIP_SECONDS} s in {manifest}, got none")
    return [read_clip(speech / "phone" / f"{row['id']}.wav") for row in short]


def read_clip(path: Path) -> np.ndarray:
    """A mu-law WAV at 8 kHz as float32 at 16 kHz."""
    if not path.is_file():
        raise ExportError(f"Expected a clip {path}, which the manifest names; there is none")
    chunks = path.read_bytes()
    header = chunks.index(b"fmt ") + 8
    fields = np.frombuffer(chunks[header : header + 8], "<u2")
    found = (int(fields[0]), int(fields[1]), int(fields[2]) + (int(fields[3]) << 16))
    if found != MULAW_8_KHZ:
        raise ExportError(f"Expected mu-law (7), 1 channel, 8000 Hz in {path}, got {found}")
    start = chunks.index(b"data") + 8
    codes = ~np.frombuffer(chunks[start:], np.uint8)
    magnitude = (((codes & 0x0F).astype(np.int32) << 3) + 0x84 << ((codes >> 4) & 0x07)) - 0x84
    pcm = np.where(codes & 0x80, -magnitude, magnitude) / 32768.0
    spectrum = np.fft.rfft(pcm)  # exact doubling of the rate: the upper half band is empty
    doubled = np.zeros(len(pcm) + 1, complex)
    doubled[: len(spectrum)] = spectrum
    return (np.fft.irfft(doubled, 2 * len(pcm)) * 2).astype(np.float32)
