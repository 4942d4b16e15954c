"""A Whisper checkpoint as Hugging Face lays it out: weights, sizes, token ids and suppress lists.

Reads `model.safetensors` (or a sharded set with its index), `config.json`, `generation_config.json` and, where there
is one, `tokenizer.json` from a folder, or from the hub when the name is not a folder.
"""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from weights import ExportError, load_weights, weight_shapes

# The hub's large models carry a second, float32 set of weights (`model.fp32-…`), which these patterns leave there.
HUB_FILES = [
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*.safetensors",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
]
HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
# What a configuration may say about parts of the network that the graph takes for granted.
SUPPORTED = {
    "model_type": "whisper",
    "activation_function": "gelu",
    "scale_embedding": False,
    "tie_word_embeddings": True,
}


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
    """A checkpoint in memory; indexing gives a parameter by its Hugging Face name."""

    name: str
    sizes: Sizes
    tokens: dict  # what runtime and graph call by name: see `_token_ids`
    weights: dict[str, np.ndarray]  # float32, below `model.`

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.weights:
            raise ExportError(f"Expected a parameter {name}, which the weights of {self.name} lack")
        return self.weights[name]


def load_checkpoint(source: str, config_folder: str | None = None, name: str | None = None) -> Checkpoint:
    """Loads the checkpoint `source`, a folder or a hub name such as `openai/whisper-small`.

    `config_folder` overrides where the two configuration files are read from; `name` what the checkpoint is called.
    Raises ExportError when a file or a field is missing, or when the network is not one that the graph can express.
    """
    folder = Path(source) if Path(source).is_dir() else _download(source)
    configs = Path(config_folder) if config_folder else folder
    config, generation = _read_json(configs / "config.json"), _read_json(configs / "generation_config.json")
    tokenizer = _read_json(folder / "tokenizer.json") if (folder / "tokenizer.json").exists() else None
    _refuse_unsupported(config, configs)
    sizes = _sizes(config, configs)
    tokens = _token_ids(config, generation, tokenizer)
    _check_tokens(tokens, sizes, configs)
    checkpoint = Checkpoint(
        name=name or config.get("_name_or_path") or Path(source).name,
        sizes=sizes,
        tokens=tokens | {"alignmentHeads": _known_heads(tokens["alignmentHeads"], sizes)},
        weights=load_weights(folder),
    )
    _check_shapes(checkpoint, config)
    return checkpoint


def _download(source: str) -> Path:
    if not HUB_NAME.fullmatch(source):
        raise ExportError(f"Expected a folder or a hub name such as openai/whisper-small, got {source}")
    import huggingface_hub  # slow to import, and needed by nobody who has a folder

    try:
        return Path(huggingface_hub.snapshot_download(source, allow_patterns=HUB_FILES))
    except (OSError, ValueError) as cause:  # no network, no such model, or no such name
        raise ExportError(f"There is no folder {source}, and the hub did not deliver it: {cause}") from cause


def _read_json(path: Path) -> dict:
    if not path.is_file():
        raise ExportError(f"Expected a file {path.name} in {path.parent}; --config names another folder for it")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as cause:
        raise ExportError(f"{path} is not JSON: {cause}") from cause
    if not isinstance(content, dict):
        raise ExportError(f"Expected an object in {path}, got {type(content).__name__}")
    return content


def _refuse_unsupported(config: dict, folder: Path) -> None:
    for field, expected in SUPPORTED.items():
        found = config.get(field, expected)
        if found != expected:
            raise ExportError(f"Expected {field} to be {expected!r} in the config.json of {folder}, got {found!r}")


def _sizes(config: dict, folder: Path) -> Sizes:
    try:
        sizes = Sizes(
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
    except KeyError as cause:
        raise ExportError(f"config.json lacks {cause}: is it a Whisper's?") from cause
    for field, value in asdict(sizes).items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ExportError(f"Expected a count for {field} in the config.json of {folder}, got {value!r}")
    for field, heads in (("encoder", sizes.encoder_heads), ("decoder", sizes.decoder_heads)):
        if sizes.width % heads:
            raise ExportError(f"Expected a width that {heads} heads of the {field} divide, got {sizes.width}")
    return sizes


def _token_ids(config: dict, generation: dict, tokenizer: dict | None) -> dict:
    """Ids by role. Absent roles (an English-only model has no languages) are null or empty."""
    added = {token["content"]: token["id"] for token in tokenizer["added_tokens"]} if tokenizer else {}
    languages = {key.strip("<|>"): token for key, token in generation.get("lang_to_id", {}).items()}
    tasks = generation.get("task_to_id", {})
    no_timestamps = generation.get("no_timestamps_token_id", added.get("<|notimestamps|>"))
    if no_timestamps is None:
        raise ExportError(
            "Expected no_timestamps_token_id in generation_config.json or <|notimestamps|> in tokenizer.json"
        )
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


def _check_tokens(tokens: dict, sizes: Sizes, folder: Path) -> None:
    """Ids that the vocabulary does not have would end a run, or suppress another token."""
    named = [tokens[role] for role in ("startOfTranscript", "endOfText", "noSpeech", "noTimestamps", "startOfPrevious")]
    if any(not isinstance(token, int) for token in named):
        raise ExportError(f"Expected ids of start and end in the configuration of {folder}, got {named}")
    lists = [*tokens["languages"].values(), *tokens["suppress"], *tokens["suppressAtBegin"]]
    tasks = [token for token in (tokens["transcribe"], tokens["translate"]) if token is not None]
    beyond = [token for token in [*named, *lists, *tasks] if not 0 <= token < sizes.vocabulary]
    if beyond:
        raise ExportError(
            f"Expected token ids from 0 to {sizes.vocabulary - 1} in the configuration of {folder}, got {beyond[:3]}"
        )


def _known_heads(heads: list, sizes: Sizes) -> list[list[int]]:
    """The [layer, head] pairs, or none when the decoder lacks one of them.

    A distilled model's generation_config.json may still name its teacher's, of layers that it does not have.
    """
    layers = sizes.decoder_layers
    known = all(0 <= layer < layers and 0 <= head < sizes.decoder_heads for layer, head in heads)
    return heads if known else []


def _check_shapes(checkpoint: Checkpoint, config: dict) -> None:
    """Every parameter that the graph reads is there, in the shape that the configuration says."""
    inner = {part: config.get(f"{part}_ffn_dim", 4 * checkpoint.sizes.width) for part in ("encoder", "decoder")}
    for name, shape in weight_shapes(checkpoint.sizes, inner).items():
        found = checkpoint[name].shape
        if found != shape:
            raise ExportError(f"Expected {name} of shape {shape} by the configuration, got {found}")
