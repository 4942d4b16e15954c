"""A Whisper checkpoint as Hugging Face lays it out: weights, sizes, token ids and suppress lists.

Reads `model.safetensors` (or a sharded set with its index), `config.json`, `generation_config.json` and
`tokenizer.json` from a folder, or from the hub when the name is not a folder.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

HUB_FILES = ["*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json", "tokenizer.json"]


@dataclass(frozen=True)
class Sizes:
    """Dimensions of the network; all counts."""

    width: int
    encoder_heads: int
    encoder_layers: int
    decoder_heads: int
    decoder_layers: int
    mel_bands: int
    vocabulary: int
    source_positions: int
    target_positions: int


@dataclass(frozen=True)
class Checkpoint:
    name: str
    sizes: Sizes
    tokens: dict  # what runtime and graph call by name: see `_token_ids`
    weights: dict  # Hugging Face parameter name -> float32 array

    def __getitem__(self, name: str) -> np.ndarray:
        return self.weights[name]


def load_checkpoint(source: str, config_folder: str | None = None, name: str | None = None) -> Checkpoint:
    """Loads the checkpoint `source`, a folder or a hub name such as `openai/whisper-small`.

    `config_folder` overrides where the two configuration files are read from.
    Raises FileNotFoundError when a file is missing and KeyError when the configuration lacks a field.
    """
    folder = Path(source)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        folder = Path(snapshot_download(source, allow_patterns=HUB_FILES))
    configs = Path(config_folder) if config_folder else folder
    config = json.loads((configs / "config.json").read_text())
    generation = json.loads((configs / "generation_config.json").read_text())
    tokenizer = json.loads((folder / "tokenizer.json").read_text()) if (folder / "tokenizer.json").exists() else None
    return Checkpoint(
        name=name or config.get("_name_or_path") or Path(source).name,
        sizes=_sizes(config),
        tokens=_token_ids(config, generation, tokenizer),
        weights=_load_weights(folder),
    )


def _sizes(config: dict) -> Sizes:
    return Sizes(
        width=config["d_model"],
        encoder_heads=config["encoder_attention_heads"],
        encoder_layers=config["encoder_layers"],
        decoder_heads=config["decoder_attention_heads"],
        decoder_layers=config["decoder_layers"],
        mel_bands=config["num_mel_bins"],
        vocabulary=config["vocab_size"],
        source_positions=config["max_source_positions"],
        target_positions=config["max_target_positions"],
    )


def _token_ids(config: dict, generation: dict, tokenizer: dict | None) -> dict:
    """Ids by role. Absent roles (an English-only model has no languages) are null or empty."""
    added = {token["content"]: token["id"] for token in tokenizer["added_tokens"]} if tokenizer else {}
    languages = {key.strip("<|>"): token for key, token in generation.get("lang_to_id", {}).items()}
    tasks = generation.get("task_to_id", {})
    no_timestamps = generation.get("no_timestamps_token_id", added.get("<|notimestamps|>"))
    return {
        "startOfTranscript": generation.get("decoder_start_token_id", config.get("decoder_start_token_id")),
        "endOfText": generation.get("eos_token_id", config.get("eos_token_id")),
        # Whisper has no name for it in its configuration: it is the token before <|notimestamps|>.
        "noSpeech": added.get("<|nospeech|>", added.get("<|nocaptions|>", no_timestamps - 1)),
        "noTimestamps": no_timestamps,
        "startOfPrevious": generation.get("prev_sot_token_id", added.get("<|startofprev|>", no_timestamps - 2)),
        "transcribe": tasks.get("transcribe"),
        "translate": tasks.get("translate"),
        "languages": languages,
        "suppress": sorted(generation.get("suppress_tokens") or []),
        "suppressAtBegin": generation.get("begin_suppress_tokens") or [],
        "alignmentHeads": generation.get("alignment_heads") or [],
    }


def _load_weights(folder: Path) -> dict:
    index = folder / "model.safetensors.index.json"
    if index.exists():
        files = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    else:
        files = ["model.safetensors"]
    weights = {}
    for file in files:
        for key, value in load_file(folder / file).items():
            # WhisperModel saves bare names, WhisperForConditionalGeneration saves them below `model.`.
            weights[key if key.startswith(("model.", "proj_out.")) else f"model.{key}"] = value.astype(np.float32)
    return weights
