"""The parameters of a checkpoint: reading safetensors files, and what a Whisper of some size must have."""

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

# What safetensors calls the types in which checkpoints are published, and how many bytes a number has.
STORED = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}
INDEX = "model.safetensors.index.json"
TIED = "proj_out.weight"  # the token embedding again


class ExportError(Exception):
    """The checkpoint or the speech cannot be exported; the message says what was expected and what was found."""


def load_weights(folder: Path) -> dict[str, np.ndarray]:
    """All parameters as float32 by their names below `model.`. Raises ExportError when a file is missing or damaged."""
    weights = {}
    for file in _files(folder):
        path = folder / file
        if not path.is_file():
            raise ExportError(f"Expected weights {file} in {folder}; there are none (only safetensors are read)")
        for key, value in _read(path):
            # WhisperModel saves bare names, WhisperForConditionalGeneration saves them below `model.`.
            if key != TIED:
                weights[key if key.startswith("model.") else f"model.{key}"] = value
    return weights


def _files(folder: Path) -> list[str]:
    path = folder / INDEX
    if not path.is_file():
        return ["model.safetensors"]
    try:
        files = set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError, TypeError) as cause:
        raise ExportError(f"Expected a weight_map in {path}: {cause}") from cause
    outside = [file for file in files if not isinstance(file, str) or Path(file).name != file]
    if outside:
        raise ExportError(f"Expected names of files beside {path}, got {outside[0]!r}")
    return sorted(files)


def _read(path: Path):
    """Yields names and float32 arrays. bfloat16, which numpy lacks, is the upper half of a float32."""
    try:
        with safe_open(path, framework="numpy") as file:  # checks offsets and lengths against the file
            names = list(file.keys())
    except (SafetensorError, OSError) as cause:
        raise ExportError(f"{path} is no whole safetensors file: {cause}") from cause
    content = np.memmap(path, np.uint8, "r")
    start = 8 + int.from_bytes(content[:8].tobytes(), "little")
    header = json.loads(content[8:start].tobytes())
    for name in names:
        kind, shape, (first, end) = (header[name][field] for field in ("dtype", "shape", "data_offsets"))
        if kind not in STORED:
            raise ExportError(f"Expected {name} in {path} as {', '.join(STORED)}, got {kind}")
        values = content[start + first : start + end].view(STORED[kind]).reshape(shape)
        if kind == "BF16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        yield name, values.astype(np.float32)


def weight_shapes(sizes, inner: dict[str, int]) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every parameter that the graph reads; `sizes` as in checkpoint.py, `inner` widths by part."""
    width = sizes.width
    shapes = {
        "model.encoder.conv1.weight": (width, sizes.mel_bands, 3),
        "model.encoder.conv2.weight": (width, width, 3),
        "model.encoder.conv1.bias": (width,),
        "model.encoder.conv2.bias": (width,),
        "model.encoder.embed_positions.weight": (sizes.source_positions, width),
        "model.decoder.embed_positions.weight": (sizes.target_positions, width),
        "model.decoder.embed_tokens.weight": (sizes.vocabulary, width),
    }
    for part, layers in (("encoder", sizes.encoder_layers), ("decoder", sizes.decoder_layers)):
        shapes |= _norm_shapes(f"model.{part}.layer_norm", width)
        for layer in range(layers):
            name = f"model.{part}.layers.{layer}"
            shapes |= _attention_shapes(name, "self_attn", width)
            if part == "decoder":
                shapes |= _attention_shapes(name, "encoder_attn", width)
            shapes |= _norm_shapes(f"{name}.final_layer_norm", width)
            shapes |= {f"{name}.fc1.weight": (inner[part], width), f"{name}.fc1.bias": (inner[part],)}
            shapes |= {f"{name}.fc2.weight": (width, inner[part]), f"{name}.fc2.bias": (width,)}
    return shapes


def _norm_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _attention_shapes(layer: str, name: str, width: int) -> dict[str, tuple[int, ...]]:
    """Whisper's key projections have no bias."""
    shapes = {f"{layer}.{name}.{part}_proj.weight": (width, width) for part in ("q", "k", "v", "out")}
    shapes |= {f"{layer}.{name}.{part}_proj.bias": (width,) for part in ("q", "v", "out")}
    return shapes | _norm_shapes(f"{layer}.{name}_layer_norm", width)
