"""For the tests: how far the rounding of float16 changes what a model makes of speech."""

from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime

from checkpoint import Checkpoint
from decoder import Tail
from model import build_recogniser
from rounding import EXTREMES, Rounded
from tail import MARGIN_POSITIONS
from tiny_whisper import no_hints

POSITION_SAMPLES = 320
TAIL_BLOCKS = 64
BATCH = 4
LIMIT = 224  # tokens


@dataclass
class Agreement:
    """Of the clips of a folder. tokens, same: counts over all clips, same by the longest common subsequence."""

    clips: int
    same_clips: int
    tokens: int
    same_tokens: int
    logprob: float  # the largest difference of a token's log-probability in clips that are the same
    extremes: dict[str, float]  # the largest magnitude of each rounded value

    def __str__(self) -> str:
        return (
            f"{self.same_tokens} of {self.tokens} tokens, {self.same_clips} of {self.clips} clips the same; "
            f"log-probabilities there within {self.logprob:.3f}; largest values {self.largest(5)}"
        )

    def largest(self, count: int) -> list[tuple[str, float]]:
        return sorted(self.extremes.items(), key=lambda entry: -entry[1])[:count]


def compare(model: Checkpoint, tail: Tail, clips: list[np.ndarray], beam: int) -> Agreement:
    """Decodes clips (samples at 16 kHz) with the float32 graph and with the one for a card, rounded."""
    rounded = Rounded(build_recogniser(model, tail, "float16"))
    sessions = [session(build_recogniser(model, tail, "float")), session(rounded.model)]
    found = Agreement(0, 0, 0, 0, 0.0, dict.fromkeys(rounded.sites, 0.0))
    for start in range(0, len(clips), BATCH):
        batch = sorted(clips, key=len)[start : start + BATCH]
        feeds = inputs(model, batch, beam)
        plain = sessions[0].run(["tokens", "logprobs"], feeds)
        halved = sessions[1].run(["tokens", "logprobs", EXTREMES], feeds)
        for site, extreme in zip(rounded.sites, halved[2].tolist(), strict=True):
            found.extremes[site] = max(found.extremes[site], extreme)
        for row in range(len(batch)):
            _add(found, model, [(tokens[row], logprobs[row]) for tokens, logprobs in (plain, halved[:2])])
    return found


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def _add(found: Agreement, model: Checkpoint, both: list) -> None:
    end = model.tokens["endOfText"]
    lengths = [tokens.tolist().index(end) + 1 if end in tokens else len(tokens) for tokens, _ in both]
    rows = [tokens[:length].tolist() for (tokens, _), length in zip(both, lengths, strict=True)]
    found.clips += 1
    found.tokens += max(lengths)
    found.same_tokens += common(*rows)
    if rows[0] == rows[1]:
        found.same_clips += 1
        difference = np.abs(both[0][1][: lengths[0]] - both[1][1][: lengths[0]]).max()
        found.logprob = max(found.logprob, float(difference))


def common(a: list[int], b: list[int]) -> int:
    """Length of the longest common subsequence."""
    best = [0] * (len(b) + 1)
    for x in a:
        previous = best[:]
        for k, y in enumerate(b):
            best[k + 1] = previous[k] + 1 if x == y else max(best[k], previous[k + 1])
    return best[-1]


def inputs(model: Checkpoint, clips: list[np.ndarray], beam: int, language: str = "en") -> dict[str, np.ndarray]:
    """As the runtime gives them: half a second of silence behind each clip, English, suppress lists."""
    tokens, sizes = model.tokens, model.sizes
    windows = [-(-len(clip) // POSITION_SAMPLES) + MARGIN_POSITIONS for clip in clips]
    windows = [min(sizes.source_positions, window) * POSITION_SAMPLES for window in windows]
    pcm = np.zeros((len(clips), max(windows)), np.float32)
    for row, (clip, window) in enumerate(zip(clips, windows, strict=True)):
        pcm[row, : min(len(clip), window)] = clip[:window]
    prompt = [tokens["startOfTranscript"], tokens["languages"].get(language), tokens["transcribe"]]
    prompt = [token for token in prompt if token is not None] + [tokens["noTimestamps"]]
    bias = np.zeros((1, sizes.vocabulary), np.float32)
    bias[0, tokens["suppress"]] = -1e9
    first = bias.copy()
    first[0, tokens["suppressAtBegin"]] = -1e9
    rows, parts = len(clips), 2 * sizes.encoder_layers + 1
    return {
        "pcm": pcm,
        "samples": np.array(windows),
        "prompt": np.array([prompt] * rows),
        "prompt_start": np.zeros(rows, np.int64),
        "beam": np.array(beam),
        "max_tokens": np.array(LIMIT),
        "bias": bias,
        "bias_first": first,
        "align": np.array(True),
        "keep": np.array(True),
        "past": np.zeros((parts, rows, 0, sizes.width), np.float32),
        "past_positions": np.zeros(rows, np.int64),
        "past_context": np.zeros(1, np.int64),
        "past_peak": np.full(rows, -10, np.float32),
        "tail_blocks": np.array([TAIL_BLOCKS]),
        **no_hints(sizes.vocabulary),
    }
