"""Measures the silent tail: what the encoder makes of the silence behind speech in a real 30-second window.

For every clip, zeros fill the window to its full length; the states from half a second after the clip's end on are
averaged over the clips, per position. Positions that no clip leaves silent take the first known average. A few seconds
of any speech do; more clips leave less of any one of them in the average.
"""

import json
from pathlib import Path

import numpy as np
import onnx
import onnx.external_data_helper
import onnxruntime
from onnx import numpy_helper

from checkpoint import Checkpoint
from decoder import Tail
from encoder import POSITION_SAMPLES
from model import build_encoder
from wav import read_wav
from weights import ExportError

MARGIN_POSITIONS = 25  # half a second after the clip, where its reverberation and the window edge have faded
MAXIMUM_CLIP_SECONDS = 12  # longer clips say nothing about the early positions and cost as much
MINIMUM_CLIP_SECONDS = 0.5  # of the last piece of a recording
RATE_HZ = 16000
LONGEST = MAXIMUM_CLIP_SECONDS * RATE_HZ  # samples of a piece of a recording
POOL = 8
MAXIMUM_BYTES = 2**31 - 1  # of a protobuf message


def measure_tail(model: Checkpoint, speech: Path) -> Tail:
    """Averages over the clips of `speech`, see `read_clips`.

    Runs the float encoder over a full window per clip: minutes for whisper-base and the project's clips. The last
    bits of the states depend on the processor.
    """
    clips = read_clips(speech)
    session = open_encoder(build_encoder(model))
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


def open_encoder(encoder: onnx.ModelProto, maximum_bytes: int = MAXIMUM_BYTES) -> onnxruntime.InferenceSession:
    """The encoder in ONNX Runtime. That of large models is beyond what one message holds: its weights go beside it."""
    options = onnxruntime.SessionOptions()
    beside = {}
    if sum(len(tensor.raw_data) for tensor in encoder.graph.initializer) > 0.9 * maximum_bytes:
        for tensor in encoder.graph.initializer:
            if len(tensor.raw_data) > 1024:  # shapes and numbers stay where optimisers see them
                beside[tensor.name] = onnxruntime.OrtValue.ortvalue_from_numpy(numpy_helper.to_array(tensor))
                onnx.external_data_helper.set_external_data(tensor, "memory", length=len(tensor.raw_data))
                tensor.ClearField("raw_data")
        options.add_external_initializers(list(beside), list(beside.values()))
    return onnxruntime.InferenceSession(encoder.SerializeToString(), options, providers=["CPUExecutionProvider"])


def read_clips(speech: Path, longest_seconds: float = MAXIMUM_CLIP_SECONDS) -> list[np.ndarray]:
    """Clips of at most so many seconds at 16 kHz. Raises ExportError when there are none.

    `speech` is a folder with `manifest.jsonl` and `phone/<id>.wav`, whose longer clips are left out; or a folder of WAV
    files, or one, which are cut into clips of at most 12 s.
    """
    if speech.is_dir() and (speech / "manifest.jsonl").is_file():
        return [read_wav(path) for path in _listed(speech, longest_seconds)]
    files = [speech] if speech.is_file() else sorted(speech.glob("*.wav"))
    if not files:
        raise ExportError(f"Expected a WAV file or a folder with some for the silent tail, got {speech}")
    clips = [clip for file in files for clip in _cut(read_wav(file))]
    if not clips:
        raise ExportError(f"Expected at least {MINIMUM_CLIP_SECONDS} s of speech in {speech}, got less")
    if not any(clip.any() for clip in clips):
        raise ExportError(f"Expected speech in {speech}, got silence")
    return clips


def _listed(speech: Path, longest_seconds: float) -> list[Path]:
    manifest = speech / "manifest.jsonl"
    rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    short = [row for row in rows if row["seconds"] <= longest_seconds]
    if not short:
        raise ExportError(f"Expected clips of at most {longest_seconds} s in {manifest}, got none")
    return [speech / "phone" / f"{row['id']}.wav" for row in short]


def _cut(recording: np.ndarray) -> list[np.ndarray]:
    pieces = [recording[start:][:LONGEST] for start in range(0, len(recording), LONGEST)]
    return [piece for piece in pieces if len(piece) >= MINIMUM_CLIP_SECONDS * RATE_HZ]
