"""Exports a Whisper checkpoint to one ONNX file: samples in, tokens out.

    python export.py CHECKPOINT OUTPUT.onnx [--precision int8|float|float16] [--speech DIR | --no-tail] [--config DIR]

CHECKPOINT is a folder or a hub name. Everything the runtime must know is written into the file's metadata.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import onnx

from alignment import alignment_heads
from checkpoint import Checkpoint, ExportError, load_checkpoint
from cuda import faults
from decoder import Tail
from model import HALF, KINDS, build_recogniser
from tail import MAXIMUM_BYTES, measure_tail

FORMAT = 2  # version of the interface: inputs, outputs and metadata; INTERFACE_VERSION in src/asr/metadata.ts
DEFAULT_TAIL_BLOCKS = 64  # blocks the runtime appends: 512 positions, 10.24 s
SPEECH = Path(__file__).resolve().parent.parent.parent / "fixtures" / "speech"
# About what a weight takes; the embedding of `float16` takes twice that, and that of `float` is stored twice.
WEIGHT_BYTES = {"float": 4, "float16": 2, "int8": 1.13, "int8-rows": 1.13}
SPARE_BYTES = 80_000_000  # silent tail (61 MB for large-v3 in float32), constants and nodes
LISTS = ("languages", "suppress", "suppressAtBegin", "alignmentHeads")  # entries of their own beside `tokens`


def metadata(model: Checkpoint, tail: Tail | None, precision: str, source: str, licence: str) -> dict:
    """What src/asr/metadata.ts reads: strings as they are, everything else as JSON."""
    return {
        "linescribe.format": FORMAT,
        "model": model.name,
        "source": source,
        "licence": licence,
        "precision": precision,
        "melBands": model.sizes.mel_bands,
        "vocabulary": model.sizes.vocabulary,
        "width": model.sizes.width,
        "encoderLayers": model.sizes.encoder_layers,
        "sourcePositions": model.sizes.source_positions,
        "targetPositions": model.sizes.target_positions,
        "tailPool": tail.pool if tail else 0,
        "tailBlocks": DEFAULT_TAIL_BLOCKS if tail else 0,
        "tokens": {role: value for role, value in model.tokens.items() if role not in LISTS},
        **{role: model.tokens[role] for role in LISTS},
        "alignmentHeads": alignment_heads(model),  # also of a model that names none
        # A file without these is for the processor: the committed one must not change.
        **({"linescribe.precision": HALF, "linescribe.device": "cuda"} if precision == HALF else {}),
    }


def export(model: Checkpoint, output: Path, precision: str, speech: Path | None, source: str, licence: str) -> None:
    """Writes `output`. Without `speech` there is no silent tail and callers must fill the full window."""
    refuse_too_large(model, precision)
    tail = measure_tail(model, speech) if speech else None
    recogniser = build_recogniser(model, tail, precision)
    if precision == HALF and (found := faults(recogniser)):
        raise ExportError(f"This graph is not for a card, which is a fault of the exporter: {'; '.join(found)}")
    for key, value in metadata(model, tail, precision, source, licence).items():
        entry = recogniser.metadata_props.add()
        entry.key, entry.value = key, value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    onnx.save(recogniser, output)


def refuse_too_large(model: Checkpoint, precision: str) -> None:
    """One file holds at most 2 GB: better said before minutes of work than by an error of protobuf behind them."""
    parameters = sum(array.size for array in model.weights.values())
    again = model.sizes.vocabulary * model.sizes.width if precision in ("float", HALF) else 0
    expected = int((parameters + again) * WEIGHT_BYTES[precision])
    if expected > MAXIMUM_BYTES - SPARE_BYTES:
        raise ExportError(
            f"{model.name} would take about {expected / 1e9:.1f} GB as {precision}, and one ONNX file holds 2.1 GB: "
            f"take a smaller model (large-v3-turbo is 1.8 GB as {HALF}) or --precision int8, which is for the processor"
        )


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", help="folder, or hub name such as openai/whisper-small")
    parser.add_argument("output", type=Path, help="the .onnx file to write")
    parser.add_argument(
        "--config", help="folder with config.json and generation_config.json, when not the checkpoint's"
    )
    parser.add_argument(
        "--precision",
        choices=sorted(KINDS),
        default="int8",
        help="float16 is for a CUDA card, all others for the processor",
    )
    tail = parser.add_mutually_exclusive_group()
    tail.add_argument(
        "--speech",
        type=Path,
        default=SPEECH,
        help="a WAV file of speech, a folder of some, or one like fixtures/speech: their silence becomes the tail",
    )
    tail.add_argument("--no-tail", action="store_true", help="no silent tail: the full 30 s window must be encoded")
    parser.add_argument("--name", help="name written into the metadata")
    parser.add_argument("--source", help="where the weights come from, for the metadata")
    parser.add_argument("--licence", default="MIT", help="licence of the weights, for the metadata")
    return parser.parse_args(arguments)


def describe_source(checkpoint: str) -> str:
    """For the metadata. A folder's path is nobody's business but its owner's: only its name goes into the file."""
    folder = Path(checkpoint)
    return f"folder {folder.resolve().name}" if folder.is_dir() else f"https://huggingface.co/{checkpoint}"


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    speech = None if options.no_tail else options.speech
    try:
        if not options.output.resolve().parent.is_dir():  # not after minutes of work
            raise ExportError(f"Expected a folder for {options.output} to exist")
        model = load_checkpoint(options.checkpoint, options.config, options.name)
        source = options.source or describe_source(options.checkpoint)
        export(model, options.output, options.precision, speech, source, options.licence)
    except ExportError as error:
        sys.exit(f"export.py: {error}")
    digest = hashlib.sha256(options.output.read_bytes()).hexdigest()
    print(f"{options.output} {options.output.stat().st_size} bytes sha256 {digest}")


if __name__ == "__main__":
    main()
