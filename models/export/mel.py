"""Log-mel spectrogram inside the graph, without STFT or convolution operators.

Same numbers as openai/whisper `log_mel_spectrogram`: 400-point Hann window, hop 160, Slaney mel filters, log10
floored at 1e-10, dynamic range of 8 below the row's own maximum, (x + 4) / 4. Always in float32: energies span more
than float16 has, whose least number is 6e-8.
"""

import numpy as np

from graph import TF32_SPLIT, Graph
from reductions import largest

RATE_HZ = 16000
WINDOW_SAMPLES = 400
HOP_SAMPLES = 160


def mel_filters(bands: int) -> np.ndarray:
    """Slaney-style mel filter bank, area-normalised, 0 to 8000 Hz. Shape (201, bands).

    The scale is linear below 1000 Hz (200/3 Hz a mel) and logarithmic above (step ln(6.4)/27), as in Slaney's
    Auditory Toolbox; librosa's default gives the same matrix.
    """
    step_hz, break_hz = 200.0 / 3, 1000.0
    break_mel, log_step = break_hz / step_hz, np.log(6.4) / 27.0

    def to_hz(mel):
        return np.where(mel < break_mel, mel * step_hz, break_hz * np.exp(log_step * (mel - break_mel)))

    top = break_mel + np.log(RATE_HZ / 2 / break_hz) / log_step
    edges = to_hz(np.linspace(0.0, top, bands + 2))
    bins = np.linspace(0.0, RATE_HZ / 2, WINDOW_SAMPLES // 2 + 1)
    rise = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return (np.maximum(0.0, np.minimum(rise, fall)) * (2.0 / (edges[2:] - edges[:-2]))).astype(np.float32)


def fourier() -> np.ndarray:
    """Windowed real DFT as one matrix: cosines beside sines. Shape (400, 402)."""
    n = np.arange(WINDOW_SAMPLES)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / WINDOW_SAMPLES)
    angle = 2 * np.pi * np.outer(n, np.arange(WINDOW_SAMPLES // 2 + 1)) / WINDOW_SAMPLES
    return (np.concatenate([np.cos(angle), np.sin(angle)], 1) * hann[:, None]).astype(np.float32)


def _transform(g: Graph, windows: str) -> str:
    """windows (B, frames, 400) -> spectra (B, frames, 402).

    A card multiplies float32 as TF32, in 11 bits, unless it is told not to, which Node cannot: noise 70 dB below the
    loudest of a window, where Whisper looks 80 dB deep. So both factors are split there, into 11 bits and the rest.
    """
    matrix = fourier()
    if not g.half:
        return g("MatMul", windows, g.exact("mel.fourier", matrix))
    scaled = g("Mul", windows, g.float(TF32_SPLIT))
    high = g("Sub", scaled, g("Sub", scaled, windows))
    parts = g("Concat", high, g("Sub", windows, high), high, axis=2)
    scaled = matrix * np.float32(TF32_SPLIT)
    above = scaled - (scaled - matrix)
    return g("MatMul", parts, g.exact("mel.fourier.split", np.concatenate([above, above, matrix - above])))


LOG_SILENCE = -10.0  # log10 of the least energy


def log_mel(g: Graph, pcm: str, bands: int, past_peak: str | None = None) -> tuple[str, str]:
    """pcm (B, S), S a multiple of 320 -> (B, S / 160, bands) and the largest log10 energy of each row, (B).

    past_peak (B): the same of what was heard before `pcm` in each row, if anything.
    """
    g.section = "mel"
    half = WINDOW_SAMPLES // 2
    # Frame k covers samples [160 k - 200, 160 k + 200): reflected on the left as Whisper does, zeros on the right.
    column = g("Unsqueeze", g("Unsqueeze", pcm, g.ints(1)), g.ints(1))
    padded = g("Squeeze", g("Pad", column, g.ints(0, 0, 0, half, 0, 0, 0, 0), mode="reflect"), g.ints(1, 2))
    padded = g("Pad", padded, g.ints(0, 0, 0, 3 * HOP_SAMPLES - half))
    hops = g("Reshape", padded, g.ints(0, -1, HOP_SAMPLES))
    frames = g("Sub", g.dim(hops, 1), g.ints(3))
    first = g.slice(hops, g.ints(0), frames, 1)
    second = g.slice(hops, g.ints(1), g("Add", frames, g.ints(1)), 1)
    third = g.slice(hops, g.ints(2), g("Add", frames, g.ints(2)), 1)
    third = g.slice(third, g.ints(0), g.ints(WINDOW_SAMPLES - 2 * HOP_SAMPLES), 2)
    windows = g("Concat", first, second, third, axis=2)
    spectrum = _transform(g, windows)
    real, imaginary = g("Split", g("Mul", spectrum, spectrum), outputs=2, axis=2, num_outputs=2)
    energy = g("MatMul", g("Add", real, imaginary), g.exact("mel.filters", mel_filters(bands)))
    log10 = g("Mul", g("Log", g("Max", energy, g.float(10**LOG_SILENCE))), g.float(1 / np.log(10)))
    peak = largest(g, log10, 1, 2)
    if past_peak:
        peak = g("Max", peak, past_peak)
    floor = g("Unsqueeze", g("Sub", peak, g.float(8.0)), g.ints(1, 2))
    return g("Mul", g("Add", g("Max", log10, floor), g.float(4.0)), g.float(0.25)), peak
