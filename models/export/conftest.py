"""Fixtures that several test files share: random tiny checkpoints, what was exported from them, sounds."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

import tiny_whisper as tiny
from export import SPEECH, main
from rounding import Rounded
from tiny_whisper import Exported, Oracle, sounds

BANDS_AND_SEED = [(80, 81), (128, 128)]  # seeds whose rows differ, end at different lengths, and have no near ties


@pytest.fixture(scope="module", params=BANDS_AND_SEED, ids=lambda param: f"{param[0]} bands")
def folder(request, tmp_path_factory) -> Path:
    bands, seed = request.param
    folder = tmp_path_factory.mktemp(f"tiny-{bands}")
    tiny.write_tiny_whisper(folder, bands, seed)
    return folder


@pytest.fixture(scope="module")
def oracle(folder) -> Oracle:
    return Oracle(folder)


@pytest.fixture(scope="module", params=["float", "float16"])
def exported(request, folder) -> Exported:
    """In float32: the graph for the processor, and the one for a card without its rounding."""
    main([str(folder), str(folder / "tiny.onnx"), "--precision", "float", "--no-tail"])
    if request.param == "float":
        return Exported(folder / "tiny.onnx")
    main([str(folder), str(folder / "half.onnx"), "--precision", "float16", "--no-tail"])
    rounded = Rounded(onnx.load(folder / "half.onnx"), plain=onnx.load(folder / "tiny.onnx"))
    return Exported(rounded.model.SerializeToString())


@pytest.fixture(scope="module")
def pcm() -> np.ndarray:
    return sounds(seed=1)


@pytest.fixture(scope="module")
def states(oracle, pcm) -> np.ndarray:
    return oracle.encode(pcm)


@pytest.fixture(scope="module")
def few_clips(tmp_path_factory) -> Path:
    """Three of the project's clips, so that measuring a tail takes a moment only."""
    folder = tmp_path_factory.mktemp("speech")
    lines = (SPEECH / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    short = [line for line in lines if json.loads(line)["seconds"] < 6][:3]
    (folder / "manifest.jsonl").write_text("\n".join(short), encoding="utf-8")
    (folder / "phone").symlink_to(SPEECH / "phone")
    return folder


@pytest.fixture(scope="module")
def with_tail(precision, folder, few_clips) -> Exported:
    """With a silent tail, in the `precision` that the test file asks for."""
    path = folder / f"{precision}.onnx"
    main([str(folder), str(path), "--precision", precision, "--speech", str(few_clips)])
    return Exported(path, 64)
