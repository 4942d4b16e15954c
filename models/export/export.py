"""Exports a Whisper checkpoint to one ONNX file: samples in, tokens out.

    python export.py CHECKPOINT OUTPUT.onnx [--config DIR] [--precision int8|float] [--speech DIR] [--name NAME]

CHECKPOINT is a folder or a hub name. Everything the runtime must know is written into the file's metadata.
"""

import argparse
import hashlib
import json
from pathlib import Path

import onnx

from checkpoint import Checkpoint, load_checkpoint
from model import KINDS, build_recogniser
from tail import Tail, measure_tail

FORMAT = 1  # version of the interface: inputs, outputs and metadata
DEFAULT_TAIL_BLOCKS = 64
SPEECH = Path(__file__).resolve().parent.parent.parent / "fixtures" / "speech"


def metadata(model: Checkpoint, tail: Tail | None, precision: str, source: str, licence: str) -> dict:
    tokens = model.tokens
    return {
        "linescribe.format": FORMAT,
        "model": model.name,
        "source": source,
        "licence": licence,
        "precision": precision,
        "melBands": model.sizes.mel_bands,
        "vocabulary": model.sizes.vocabulary,
        "sourcePositions": model.sizes.source_positions,
        "targetPositions": model.sizes.target_positions,
        "tailPool": tail.pool if tail else 0,
        "tailBlocks": DEFAULT_TAIL_BLOCKS if tail else 0,
        "tokens": {key: tokens[key] for key in tokens if key not in ("languages", "suppress", "suppressAtBegin", "alignmentHeads")},
        "languages": tokens["languages"],
        "suppress": tokens["suppress"],
        "suppressAtBegin": tokens["suppressAtBegin"],
        "alignmentHeads": tokens["alignmentHeads"],
    }


def export(model: Checkpoint, output: Path, precision: str, speech: Path | None, source: str, licence: str) -> None:
    """Writes `output`. Without `speech` there is no silent tail and callers must fill the full window."""
    tail = measure_tail(model, speech) if speech else None
    recogniser = build_recogniser(model, tail, KINDS[precision])
    for key, value in metadata(model, tail, precision, source, licence).items():
        entry = recogniser.metadata_props.add()
        entry.key, entry.value = key, value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    onnx.save(recogniser, output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("output", type=Path)
    parser.add_argument("--config", help="folder with config.json and generation_config.json, when not the checkpoint's")
    parser.add_argument("--precision", choices=sorted(KINDS), default="int8")
    parser.add_argument("--speech", type=Path, default=SPEECH, help="clips whose silence becomes the tail")
    parser.add_argument("--name", help="name written into the metadata")
    parser.add_argument("--source", help="where the weights come from, for the metadata")
    parser.add_argument("--licence", default="MIT")
    arguments = parser.parse_args()
    model = load_checkpoint(arguments.checkpoint, arguments.config, arguments.name)
    source = arguments.source or f"https://huggingface.co/{arguments.checkpoint}"
    export(model, arguments.output, arguments.precision, arguments.speech, source, arguments.licence)
    digest = hashlib.sha256(arguments.output.read_bytes()).hexdigest()
    print(f"{arguments.output} {arguments.output.stat().st_size} bytes sha256 {digest}")


if __name__ == "__main__":
    main()
