"""The silent tail from any speech: WAV files of all kinds that a person may have, and models that no message holds."""

import struct
import wave
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from checkpoint import load_checkpoint
from export import SPEECH, main
from model import build_encoder
from tail import measure_tail, open_encoder, read_clips
from tiny_whisper import Exported
from wav import read_wav
from weights import ExportError


def speech(seconds: float, rate_hz: int = 16000) -> np.ndarray:
    """Something with a pitch and pauses, below 3 kHz, in [-0.5, 0.5]."""
    time = np.arange(int(seconds * rate_hz)) / rate_hz
    return 0.5 * np.sin(2 * np.pi * (150 + 100 * np.sin(time * 3)) * time) * (np.sin(time * 9) > -0.5)


def write_pcm(path: Path, sound: np.ndarray, rate_hz: int = 16000, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate_hz, 0, "NONE", ""))
        file.writeframes(np.repeat(np.round(sound * 32767), channels).astype("<i2").tobytes())
    return path


def write_riff(path: Path, tag: int, bits: int, data: bytes, rate_hz: int = 16000, extra: bytes = b"") -> Path:
    """By hand: `wave` writes plain PCM only. A chunk of odd length lies before the samples."""
    size = bits // 8
    header = struct.pack("<HHIIHH", tag, 1, rate_hz, rate_hz * size, size, bits) + extra
    chunks = b"".join(
        name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
        for name, body in ((b"fmt ", header), (b"LIST", b"odd"), (b"data", data))
    )
    path.write_bytes(b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WAVE" + chunks)
    return path


def test_every_kind_of_wav_gives_the_same_sound(tmp_path):
    sound = speech(1)
    expected = read_wav(write_pcm(tmp_path / "16k.wav", sound))
    assert expected.dtype == np.float32 and len(expected) == 16000
    assert np.abs(expected - sound).max() < 1e-4
    floats = sound.astype("<f4").tobytes()
    others = {
        "float32": write_riff(tmp_path / "f.wav", 3, 32, floats),
        "extensible": write_riff(
            tmp_path / "x.wav", 0xFFFE, 32, floats, extra=struct.pack("<HHIH", 22, 32, 4, 3) + b"\0" * 14
        ),
        "8 kHz": write_pcm(tmp_path / "8k.wav", speech(1, 8000), 8000),
    }
    for kind, path in others.items():
        got = read_wav(path)
        assert len(got) == 16000, kind
        middle = slice(500, -500)  # doubling the rate rings at the ends
        assert np.abs(got[middle] - expected[middle]).mean() < (5e-3 if kind == "8 kHz" else 1e-4), kind


def test_a_clip_of_the_project_is_decoded_as_g_711_says():
    """Code 0xFF is silence, 0x80 the loudest, +32124 of 32768."""
    path = next(iter(sorted((SPEECH / "phone").glob("*.wav"))))
    content = path.read_bytes()
    codes = np.frombuffer(content[content.index(b"data") + 8 :], np.uint8)
    got = read_wav(path)
    assert len(got) == 2 * len(codes)
    even = got[::2]  # the samples that were there before the rate was doubled
    levels = {int(code): float(np.median(even[codes == code])) for code in np.unique(codes)}
    for code, level in levels.items():
        sign, exponent, mantissa = (-1 if ~code & 0x80 else 1), (~code & 0x70) >> 4, ~code & 0x0F
        assert abs(level - sign * (((mantissa << 3) + 132 << exponent) - 132) / 32768) < 2e-3, code


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: write_pcm(path, speech(1), 44100), "44100 Hz; ffmpeg"),
        (lambda path: write_pcm(path, speech(1), channels=2), "2 channels"),
        (lambda path: write_riff(path, 1, 24, b"\0" * 48000), "format 1 of 24 bits"),
        (lambda path: write_riff(path, 85, 16, b"\0" * 48000), "format 85"),
        (lambda path: write_riff(path, 3, 32, np.full(16000, np.nan, "<f4").tobytes()), "an infinity or NaN"),
        (lambda path: path.write_bytes(b"ID3 this is no such file"), "is no WAV file; ffmpeg"),
        (lambda path: path.write_bytes(b"RIFF\0\0\0\0WAVE"), "lacks a format or samples"),
        (lambda path: write_pcm(path, speech(0.2)), "at least 0.5 s of speech"),
        (lambda path: write_pcm(path, 0 * speech(3)), "got silence"),
    ],
)
def test_a_wav_that_cannot_serve_is_refused_with_a_remedy(tmp_path, write, message):
    write(tmp_path / "speech.wav")
    with pytest.raises(ExportError, match=message):
        read_clips(tmp_path / "speech.wav")


def test_a_folder_of_wavs_is_read_and_long_recordings_are_cut(tmp_path):
    write_pcm(tmp_path / "b.wav", speech(30))
    write_pcm(tmp_path / "a.wav", speech(3, 8000), 8000)
    clips = read_clips(tmp_path)
    assert [len(clip) / 16000 for clip in clips] == [3, 12, 12, 6]
    with pytest.raises(ExportError, match="Expected a WAV file or a folder with some"):
        read_clips(tmp_path / "nothing")


def test_a_few_seconds_of_any_speech_make_a_tail_for_80_and_128_bands(folder, tmp_path):
    """Close to what another clip makes: it is the silence behind the speech that counts."""
    model = load_checkpoint(str(folder))
    one, other = (
        measure_tail(model, write_pcm(tmp_path / f"{k}.wav", sound))
        for k, sound in enumerate((speech(3), 0.3 * speech(5)[::-1]))
    )
    assert one.states.shape == (187, 64)
    spread = np.abs(one.states - one.states.mean(0)).mean()
    assert np.abs(one.states - other.states).mean() < spread
    main([str(folder), str(tmp_path / "tail.onnx"), "--precision", "float16", "--speech", str(tmp_path / "0.wav")])
    tokens, logprobs, _ = Exported(tmp_path / "tail.onnx", 64).run(speech(2)[None].astype(np.float32), 8)
    assert tokens.shape[1] > 0 and np.isfinite(logprobs).all()


def test_an_encoder_that_no_message_holds_gives_the_same_states(folder, pcm):
    """large-v3's takes 2.5 GB in float32: weights go beside the message. Tried with a small limit."""
    encoder = build_encoder(load_checkpoint(str(folder)))
    whole = encoder.SerializeToString()
    feeds = {"pcm": pcm[:1, :32000], "samples": np.array([32000])}
    session = onnxruntime.InferenceSession(whole, providers=["CPUExecutionProvider"])
    beside = open_encoder(encoder, maximum_bytes=100_000)
    assert len(encoder.SerializeToString()) < len(whole) / 2
    np.testing.assert_array_equal(beside.run(None, feeds)[0], session.run(None, feeds)[0])
