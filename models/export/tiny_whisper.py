"""For the tests: random tiny Whispers as transformers writes them, sounds to feed them, and both ways to run them."""

import os

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["HF_HUB_OFFLINE"] = "1"

from functools import cached_property
from pathlib import Path

import jax
import numpy as np
import onnxruntime
from flax.traverse_util import flatten_dict
from safetensors.numpy import save_file
from transformers import FlaxWhisperForConditionalGeneration, GenerationConfig, WhisperConfig, WhisperFeatureExtractor

RATE_HZ = 16000
WINDOW_SAMPLES = 30 * RATE_HZ
VOCABULARY = 400
END, START, EN, DE, TRANSLATE, TRANSCRIBE, _, PREVIOUS, NO_SPEECH, NO_TIMESTAMPS = range(300, 310)
PREFIX = [START, EN, TRANSCRIBE, NO_TIMESTAMPS]
SUPPRESS = [1, 7, 33, 150, *range(START, VOCABULARY)]
SUPPRESS_AT_BEGIN = [20, 21, END]
NEVER = -1e9


def no_hints(vocabulary: int) -> dict[str, np.ndarray]:
    return {
        "hint_tokens": np.array([[-1]]),
        "hint_bonus": np.zeros((1, 1), np.float32),
        "hint_next": np.zeros((1, 1), np.int64),
        "hint_debt": np.zeros(1, np.float32),
        "hint_root": np.zeros(vocabulary, np.int64),
    }


NO_HINTS = no_hints(VOCABULARY)

WIDTH = 64
OUTPUTS = ("tokens", "logprobs", "no_speech", "alignment", "new", "peak")
KEPT_PARTS = 5  # keys and values of two encoder layers, and the states


def no_past(rows: int) -> dict[str, np.ndarray]:
    return {
        "past": np.zeros((KEPT_PARTS, rows, 0, WIDTH), np.float32),
        "past_positions": np.zeros(rows, np.int64),
        "past_context": np.zeros(1, np.int64),
        "past_peak": np.full(rows, -10, np.float32),
    }


def write_tiny_whisper(folder: Path, mel_bands: int, seed: int) -> None:
    """Writes config.json, generation_config.json and model.safetensors: width 64, 4 heads, 2 + 2 layers."""
    special = {"bos_token_id": END, "eos_token_id": END, "pad_token_id": END, "decoder_start_token_id": START}
    config = WhisperConfig(
        vocab_size=VOCABULARY,
        num_mel_bins=mel_bands,
        d_model=WIDTH,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=128,
        decoder_ffn_dim=128,
        suppress_tokens=None,
        begin_suppress_tokens=None,
        **special,
    )
    config.save_pretrained(folder)
    GenerationConfig(
        **special,
        max_length=448,
        is_multilingual=True,
        lang_to_id={"<|en|>": EN, "<|de|>": DE},
        task_to_id={"transcribe": TRANSCRIBE, "translate": TRANSLATE},
        language="<|en|>",
        task="transcribe",
        no_timestamps_token_id=NO_TIMESTAMPS,
        prev_sot_token_id=PREVIOUS,
        suppress_tokens=SUPPRESS,
        begin_suppress_tokens=SUPPRESS_AT_BEGIN,
        alignment_heads=[[1, 0], [1, 3]],
    ).save_pretrained(folder)
    save_file(random_weights(config, seed), folder / "model.safetensors", {"format": "pt"})


def random_weights(config: WhisperConfig, seed: int, end: int = END) -> dict[str, np.ndarray]:
    """One array per parameter that transformers' Whisper has, under the names and in the layout of its PyTorch form.

    Scales are such that attention is peaked, sound decides about tokens, and end-of-text comes now and then.
    """
    random = np.random.default_rng(seed)
    shapes = FlaxWhisperForConditionalGeneration(config, _do_init=False).params_shape_tree
    weights = {}
    for name, leaf in sorted(flatten_dict(shapes, sep=".").items()):
        stem, kind = name.rsplit(".", 1)
        value = random.normal(size=leaf.shape).astype(np.float32)
        if kind == "kernel":
            gain = 2.0 if stem.endswith(("q_proj", "k_proj")) else 1.2
            value = value.T * np.float32(gain / np.sqrt(np.prod(leaf.shape[:-1])))
        elif kind == "embedding":
            value *= 1.2 if stem.endswith("embed_positions") else 0.4
        else:
            value = value * 0.1 + (kind == "scale")
        weights[f"{stem}.{'bias' if kind == 'bias' else 'weight'}"] = np.ascontiguousarray(value, np.float32)
    weights["model.decoder.embed_tokens.weight"][end] *= 2
    return weights


def sounds(seed: int) -> np.ndarray:
    """Four full windows (4, 480000): noise, tones, noise in bursts, and 3 s of tone before silence; the ends silent.

    Silent because the edges differ: Whisper mirrors the sound behind the window, the graph sees zeros there.
    """
    random = np.random.default_rng(seed)
    time = np.arange(WINDOW_SAMPLES) / RATE_HZ
    noise = random.normal(size=(2, WINDOW_SAMPLES)) * 0.1
    sweep = 0.3 * np.sin(2 * np.pi * (200 + 90 * time) * time)
    bursts = noise[1] * (np.sin(2 * np.pi * 0.7 * time) > 0)
    short = 0.2 * np.sin(2 * np.pi * 440 * time) * (time < 3)
    pcm = np.stack([noise[0], sweep, bursts, short]).astype(np.float32)
    pcm[:, -RATE_HZ // 2 :] = 0
    return pcm


class Oracle:
    """transformers' own Whisper and feature extractor on a folder."""

    def __init__(self, folder: Path) -> None:
        self.model = FlaxWhisperForConditionalGeneration.from_pretrained(folder)
        assert not self.model._missing_keys, f"random_weights misnames {self.model._missing_keys}"
        self.extractor = WhisperFeatureExtractor(feature_size=self.model.config.num_mel_bins)

    def features(self, pcm: np.ndarray) -> np.ndarray:
        """pcm (B, S) -> (B, bands, 3000)."""
        return self.extractor(list(pcm), sampling_rate=RATE_HZ, return_tensors="np").input_features

    def generate(self, pcm: np.ndarray, length: int) -> np.ndarray:
        """Greedy tokens (B, length) behind the forced prefix, filled up with end-of-text."""
        sequences = self.model.generate(self.features(pcm), max_length=len(PREFIX) + length, do_sample=False).sequences
        return np.asarray(sequences)[:, len(PREFIX) :]

    def encode(self, pcm: np.ndarray) -> np.ndarray:
        """pcm (B, S), filled up with zeros to the full window -> encoder states (B, 1500, width)."""
        return np.asarray(self._encode(self.features(pcm)))

    def logits(self, states: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Teacher-forced on encoder states (B, T, width): logits (B, t, V) of what follows each of `tokens` (B, t)."""
        return np.asarray(self._decode(states, tokens))

    def cross_attention(self, states: np.ndarray, tokens: np.ndarray, heads: list[list[int]]) -> np.ndarray:
        """The same for how much each of the [layer, head] pairs attends to the states: (B, pairs, t, T)."""
        layers = self._attend(states, tokens)
        return np.stack([np.asarray(layers[layer])[:, head] for layer, head in heads], axis=1)

    @cached_property
    def _attend(self):
        return jax.jit(
            lambda states, tokens: self.model.decode(tokens, (states,), output_attentions=True).cross_attentions
        )

    @cached_property
    def _encode(self):
        return jax.jit(lambda features: self.model.encode(features).last_hidden_state)

    @cached_property
    def _decode(self):
        return jax.jit(lambda states, tokens: self.model.decode(tokens, (states,)).logits)


class Exported:
    """An exported file in ONNX Runtime, or the bytes of one."""

    def __init__(self, model: Path | bytes, tail_blocks: int | None = None) -> None:
        self.session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self.tail_blocks = tail_blocks

    def run(self, pcm: np.ndarray, length: int, beam: int = 1, samples=None, prompt=PREFIX):
        """pcm (B, S) -> tokens (B, N), log-probabilities (B, N) and no-speech probabilities (B)."""
        return self.run_with(pcm, length, beam, samples, prompt)[:3]

    def run_with(self, *arguments, **options):
        """The same with more options, see `run_all`, and behind the three the alignment (B, A, N, T)."""
        return self.run_all(*arguments, **options)[:4]

    def run_all(
        self,
        pcm: np.ndarray,
        length: int,
        beam: int = 1,
        samples=None,
        prompt: list[int] | list[list[int]] = PREFIX,
        padding: int = END,
        multiple: int = 1,
        align: bool = False,
        hints: dict[str, np.ndarray] | None = None,
        bonus: np.ndarray | float = 0.0,
        past: dict[str, np.ndarray] | None = None,
        keep: bool = False,
        outputs: tuple[str, ...] | list[str] = OUTPUTS,
    ):
        """Every output; the last two are `new` (2L + 1, B, T, W) and `peak` (B). A prompt for all rows or one each.

        `padding` fills prompts up on the left, to one length that is a multiple of `multiple`. `bonus` (V) is added to
        both biases.
        """
        prompts = prompt if isinstance(prompt[0], list) else [prompt] * len(pcm)
        columns = -(-max(map(len, prompts)) // multiple) * multiple
        starts = [columns - len(row) for row in prompts]
        inputs = {
            "pcm": pcm,
            "samples": np.array(samples if samples is not None else [pcm.shape[1]] * len(pcm)),
            "prompt": np.array([[padding] * start + row for start, row in zip(starts, prompts, strict=True)]),
            "prompt_start": np.array(starts),
            "beam": np.array(beam),
            "max_tokens": np.array(length),
            "bias": suppression(SUPPRESS) + np.float32(bonus),
            "bias_first": suppression(SUPPRESS + SUPPRESS_AT_BEGIN) + np.float32(bonus),
            "align": np.array(align),
            "keep": np.array(keep),
            **(hints or NO_HINTS),
            **(past or no_past(len(pcm))),
        }
        if self.tail_blocks is not None:
            inputs["tail_blocks"] = np.array([self.tail_blocks])
        return self.session.run(list(outputs), inputs)


def until_end(tokens: np.ndarray) -> list[int]:
    """The tokens of one row up to and with the first end-of-text."""
    row = tokens.tolist()
    return row[: row.index(END) + 1] if END in row else row


def suppression(tokens: list[int]) -> np.ndarray:
    bias = np.zeros((1, VOCABULARY), np.float32)
    bias[0, tokens] = NEVER
    return bias


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
