"""Speech from WAV files as the encoder hears it: mono float32 at 16 kHz."""

import struct
from pathlib import Path

import numpy as np

from weights import ExportError

PCM, FLOAT, MULAW, EXTENSIBLE = 1, 3, 7, 0xFFFE  # format tags of RIFF
FORMATS = {(PCM, 16), (FLOAT, 32), (MULAW, 8)}
RATES_HZ = (8000, 16000)
REMEDY = "ffmpeg -i IN -ac 1 -ar 16000 -c:a pcm_s16le OUT.wav makes one"


def read_wav(path: Path) -> np.ndarray:
    """A mono WAV at 8 or 16 kHz, in 16-bit PCM, float32 or mu-law, as float32 in [-1, 1] at 16 kHz."""
    if not path.is_file():
        raise ExportError(f"Expected a clip {path}; there is none")
    chunks = _chunks(path)
    header = chunks[b"fmt "]
    tag, channels, rate_hz, _, _, bits = struct.unpack("<HHIIHH", header[:16])
    if tag == EXTENSIBLE and len(header) >= 26:
        tag = int.from_bytes(header[24:26], "little")  # the subformat begins with the tag that is meant
    if (tag, bits) not in FORMATS or channels != 1 or rate_hz not in RATES_HZ:
        raise ExportError(
            f"Expected mono mu-law, 16-bit or float32 samples at 8000 or 16000 Hz in {path}, "
            f"got format {tag} of {bits} bits, {channels} channels, {rate_hz} Hz; {REMEDY}"
        )
    pcm = _samples(chunks[b"data"], tag)
    if not np.isfinite(pcm).all():
        raise ExportError(f"Expected numbers in {path}, got an infinity or NaN among the samples")
    return (_doubled(pcm) if rate_hz == RATES_HZ[0] else pcm).astype(np.float32)


def _chunks(path: Path) -> dict[bytes, bytes]:
    content = path.read_bytes()
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ExportError(f"{path} is no WAV file; {REMEDY}")
    found, at = {}, 12
    while at + 8 <= len(content):
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        # The byte that fills up an odd chunk is kept: as the last sample of a mu-law clip, one click half a second
        # before anything is averaged, it is part of the committed model's tail.
        size += size % 2
        found.setdefault(content[at : at + 4], content[at + 8 : at + 8 + size])
        at += 8 + size
    if len(found.get(b"fmt ", b"")) < 16 or b"data" not in found:
        raise ExportError(f"{path} lacks a format or samples; {REMEDY}")
    return found


def _samples(data: bytes, tag: int) -> np.ndarray:
    if tag == FLOAT:
        return np.frombuffer(data[: len(data) // 4 * 4], "<f4")
    if tag == PCM:
        return np.frombuffer(data[: len(data) // 2 * 2], "<i2") / 32768.0
    codes = ~np.frombuffer(data, np.uint8)
    magnitude = (((codes & 0x0F).astype(np.int32) << 3) + 0x84 << ((codes >> 4) & 0x07)) - 0x84
    return np.where(codes & 0x80, -magnitude, magnitude) / 32768.0


def _doubled(pcm: np.ndarray) -> np.ndarray:
    """Exact doubling of the rate: the upper half band is empty."""
    if not len(pcm):
        return pcm
    spectrum = np.fft.rfft(pcm)
    doubled = np.zeros(len(pcm) + 1, complex)
    doubled[: len(spectrum)] = spectrum
    return np.fft.irfft(doubled, 2 * len(pcm)) * 2
