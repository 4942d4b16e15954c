"""What goes in and out as files: checkpoints and their faults, the metadata, the committed model."""

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import huggingface_hub
import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file

import tiny_whisper as tiny
from checkpoint import HUB_FILES, _token_ids, load_checkpoint
from export import FORMAT, main, refuse_too_large
from weights import ExportError

ROOT = Path(__file__).resolve().parent.parent.parent
COMMITTED = ROOT / "models" / "whisper-base.onnx"
WHISPER_BASE = os.environ.get("WHISPER_BASE", "")


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "tiny"
    tiny.write_tiny_whisper(folder, 80, seed=5)
    return folder


def exported_bytes(folder: Path, *options: str) -> bytes:
    output = folder.parent / "out.onnx"
    main([str(folder), str(output), "--no-tail", "--name", "tiny", "--source", "random", *options])
    return output.read_bytes()


def test_sharded_weights_export_to_the_same_bytes(folder):
    whole = exported_bytes(folder)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    halves = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, part in halves.items():
        save_file({name: weights[name] for name in part}, folder / file, {"format": "pt"})
    index = {"weight_map": {name: file for file, part in halves.items() for name in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert exported_bytes(folder) == whole


@pytest.mark.parametrize("kind", ["F16", "BF16"])
def test_weights_in_half_precision_export_as_what_they_stand_for(folder, kind):
    """Rounded to either, then stored in 16 bits or in 32."""
    weights = load_file(folder / "model.safetensors")
    drop = 13 if kind == "F16" else 16
    for array in weights.values():  # values that both can hold: 16 bits fewer of the fraction, nothing that is denormal
        bits = array.view(np.uint32)
        bits &= np.uint32(0xFFFFFFFF << drop & 0xFFFFFFFF)
        array[np.abs(array) < 1e-4] = 0
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    whole = exported_bytes(folder, "--precision", "float")
    write_halved(folder / "model.safetensors", weights, kind)
    assert exported_bytes(folder, "--precision", "float") == whole


def write_halved(path: Path, weights: dict[str, np.ndarray], kind: str) -> None:
    """By hand: numpy has no bfloat16."""
    header, data = {}, b""
    for name, array in weights.items():
        half = array.astype("<f2") if kind == "F16" else (array.view(np.uint32) >> 16).astype("<u2")
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": [len(data), len(data) + half.nbytes]}
        data += half.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def test_bare_parameter_names_and_a_repeated_projection_export_to_the_same_bytes(folder):
    whole = exported_bytes(folder)
    weights = load_file(folder / "model.safetensors")
    bare = {name.removeprefix("model."): array for name, array in weights.items()}
    bare["proj_out.weight"] = weights["model.decoder.embed_tokens.weight"]
    save_file(bare, folder / "model.safetensors", {"format": "pt"})
    assert exported_bytes(folder) == whole


def test_int8_weights_are_within_half_a_step_of_the_original(folder):
    """The folded matrices by their own arithmetic, for blocks of 32 and, in conv1 of 80 bands, of 48."""
    weights = load_file(folder / "model.safetensors")
    tensors = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in onnx.load_from_string(exported_bytes(folder)).graph.initializer
    }
    convolution = weights["model.encoder.conv1.weight"].transpose(0, 2, 1).reshape(64, -1)
    for name, original in [
        ("encoder.conv1", convolution),
        ("model.encoder.layers.1.fc2", weights["model.encoder.layers.1.fc2.weight"]),
        ("model.decoder.layers.1.fc2", weights["model.decoder.layers.1.fc2.weight"]),
        ("embedding", weights["model.decoder.embed_tokens.weight"]),
    ]:
        levels = tensors[f"{name}.q"]
        scale = tensors[f"{name}.scale"].reshape(*levels.shape[:2], 1)
        restored = ((levels.astype(np.float32) - 128) * scale).reshape(original.shape)
        error = np.abs(restored - original).reshape(levels.shape)
        # The value opposite to the largest may need level 256, which does not exist: a whole step there.
        assert (error <= np.abs(scale) * np.where(levels == 255, 1.001, 0.501)).all(), name


@pytest.mark.parametrize(
    ("parameters", "precision", "message"),
    [
        (72_593_920, "float", None),  # whisper-base
        (763_857_920, "float16", None),  # medium
        (808_878_080, "float16", None),  # large-v3-turbo
        (1_543_490_560, "int8", None),  # large-v3
        (1_543_490_560, "float16", "large-v3-turbo is 1.8 GB as float16"),
        (808_878_080, "float", "about 3.2 GB as float"),
    ],
)
def test_a_model_that_one_file_cannot_hold_is_refused_at_once(folder, parameters, precision, message):
    model = dataclasses.replace(load_checkpoint(str(folder)), weights={"all": Sized(parameters)})
    if message is None:
        return refuse_too_large(model, precision)
    with pytest.raises(ExportError, match=message):
        refuse_too_large(model, precision)


@dataclasses.dataclass
class Sized:
    """What is asked of an array that nobody has memory for."""

    size: int


def test_a_hub_name_is_downloaded_without_the_files_that_no_export_needs(folder, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *a, **k: calls.append((a, k)) or str(folder))
    main(["someone/whisper-tiny", str(tmp_path / "out.onnx"), "--no-tail"])
    assert calls == [(("someone/whisper-tiny",), {"allow_patterns": HUB_FILES})]
    needed = ["config.json", "generation_config.json", "tokenizer.json", "model.safetensors"]
    needed += ["model.safetensors.index.json", "model-00001-of-00002.safetensors"]
    others = ["model.fp32-00001-of-00002.safetensors", "model.safetensors.index.fp32.json", "pytorch_model.bin"]
    others += ["flax_model.msgpack", "tf_model.h5", "vocab.json"]
    filtered = huggingface_hub.utils.filter_repo_objects(needed + others, allow_patterns=HUB_FILES)
    assert list(filtered) == needed
    assert properties(tmp_path / "out.onnx")["source"] == "https://huggingface.co/someone/whisper-tiny"


def break_json(folder: Path, file: str, **changes) -> None:
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def drop_parameter(folder: Path, name: str) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights[name]
    save_file(weights, folder / "model.safetensors")


def name_shard(folder: Path, file: str) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"model.x": file}}))


def store_as(folder: Path, kind: type) -> None:
    weights = {name: array.astype(kind) for name, array in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "a file config.json in"),
        (lambda f: (f / "generation_config.json").unlink(), "a file generation_config.json in"),
        (lambda f: (f / "generation_config.json").write_text("{"), "is not JSON"),
        (lambda f: (f / "model.safetensors").unlink(), "Expected weights model.safetensors in"),
        (lambda f: (f / "config.json").write_text('{"model_type": "bert"}'), "model_type to be 'whisper'"),
        (lambda f: (f / "config.json").write_text("{}"), "lacks 'd_model'"),
        (lambda f: (f / "config.json").write_text("[]"), "Expected an object in"),
        (lambda f: break_json(f, "config.json", d_model="64"), "a count for width"),
        (lambda f: break_json(f, "config.json", decoder_layers=0), "a count for decoder_layers"),
        (lambda f: break_json(f, "config.json", encoder_attention_heads=5), "5 heads of the encoder divide, got 64"),
        (
            lambda f: break_json(f, "config.json", d_model=128),
            "of shape (128, 80, 3) by the configuration, got (64, 80, 3)",
        ),
        (lambda f: break_json(f, "config.json", num_mel_bins=128), "got (64, 80, 3)"),
        (
            lambda f: break_json(f, "config.json", vocab_size=500),
            "of shape (500, 64) by the configuration, got (400, 64)",
        ),
        (lambda f: break_json(f, "config.json", vocab_size=305), "token ids from 0 to 304"),
        (lambda f: break_json(f, "config.json", decoder_layers=3), "a parameter model.decoder.layers.2"),
        (lambda f: break_json(f, "generation_config.json", suppress_tokens=[-5]), "token ids from 0 to 399"),
        (lambda f: (f / "model.safetensors").write_bytes(b"cut off"), "is no whole safetensors file"),
        (lambda f: os.truncate(f / "model.safetensors", 100_000), "is no whole safetensors file"),
        (lambda f: (f / "model.safetensors.index.json").write_text("{}"), "Expected a weight_map in"),
        (lambda f: name_shard(f, "../model.safetensors"), "names of files beside"),
        (lambda f: name_shard(f, "model-00001-of-00002.safetensors"), "weights model-00001-of-00002.safetensors in"),
        (lambda f: store_as(f, np.int8), "as F32, F16, BF16, got I8"),
        (lambda f: break_json(f, "config.json", activation_function="relu"), "activation_function to be 'gelu'"),
        (lambda f: break_json(f, "config.json", tie_word_embeddings=False), "tie_word_embeddings to be True"),
        (lambda f: break_json(f, "generation_config.json", no_timestamps_token_id=None), "no_timestamps_token_id"),
        (lambda f: drop_parameter(f, "model.encoder.conv2.bias"), "a parameter model.encoder.conv2.bias"),
    ],
)
def test_a_broken_checkpoint_ends_with_a_sentence_instead_of_a_trace(folder, damage, message):
    damage(folder)
    with pytest.raises(SystemExit) as ending:
        exported_bytes(folder)
    assert message in str(ending.value.code)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["./nothing", "out.onnx"], "Expected a folder or a hub name"),
        (["no/such-model", "out.onnx"], "the hub did not deliver it"),
        (["TINY", "no-folder/out.onnx"], "Expected a folder for no-folder/out.onnx"),
        (["EMPTY", "out.onnx"], "a file config.json in"),
        (["TINY", "out.onnx", "--speech", "nowhere"], "Expected a WAV file or a folder with some"),
        (["TINY", "out.onnx", "--config", "nowhere"], "a file config.json in nowhere"),
    ],
)
def test_wrong_arguments_end_with_a_sentence_instead_of_a_trace(folder, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)  # HF_HUB_OFFLINE is set by tiny_whisper: no network is tried
    (tmp_path / "empty").mkdir()
    named = {"TINY": str(folder), "EMPTY": str(tmp_path / "empty")}
    with pytest.raises(SystemExit) as ending:
        main([named.get(argument, argument) for argument in arguments])
    assert message in str(ending.value.code)
    assert not (tmp_path / "out.onnx").exists()


def properties(path: Path) -> dict[str, str]:
    model = onnx.load(path, load_external_data=False)
    return {entry.key: entry.value for entry in model.metadata_props}


def test_the_metadata_holds_the_facts_of_the_configuration(folder, tmp_path):
    exported_bytes(folder)
    found = {
        key: json.loads(value) if value[0] in "[{0123456789" else value
        for key, value in properties(tmp_path / "out.onnx").items()
    }
    assert found == {
        "linescribe.format": FORMAT,
        "model": "tiny",
        "source": "random",
        "licence": "MIT",
        "precision": "int8",
        "melBands": 80,
        "vocabulary": tiny.VOCABULARY,
        "width": tiny.WIDTH,
        "encoderLayers": 2,
        "sourcePositions": 1500,
        "targetPositions": 448,
        "tailPool": 0,
        "tailBlocks": 0,
        "tokens": {
            "startOfTranscript": tiny.START,
            "endOfText": tiny.END,
            "noSpeech": tiny.NO_SPEECH,
            "noTimestamps": tiny.NO_TIMESTAMPS,
            "startOfPrevious": tiny.PREVIOUS,
            "transcribe": tiny.TRANSCRIBE,
            "translate": tiny.TRANSLATE,
        },
        "languages": {"en": tiny.EN, "de": tiny.DE},
        "suppress": sorted(tiny.SUPPRESS),
        "suppressAtBegin": tiny.SUPPRESS_AT_BEGIN,
        "alignmentHeads": [[1, 0], [1, 3]],
    }


def test_a_folder_s_path_stays_out_of_the_metadata(folder, tmp_path):
    main([str(folder), str(tmp_path / "out.onnx"), "--no-tail"])
    assert properties(tmp_path / "out.onnx")["source"] == "folder tiny"
    assert str(tmp_path).encode() not in (tmp_path / "out.onnx").read_bytes()


def test_an_english_only_model_has_neither_languages_nor_tasks():
    tokenizer = {"added_tokens": [{"content": "<|nocaptions|>", "id": 7}, {"content": "<|startofprev|>", "id": 6}]}
    generation = {"no_timestamps_token_id": 8, "decoder_start_token_id": 1, "eos_token_id": 0, "suppress_tokens": None}
    tokens = _token_ids({}, generation, tokenizer)
    assert (tokens["noSpeech"], tokens["startOfPrevious"]) == (7, 6)
    assert tokens["transcribe"] is None and tokens["languages"] == {} and tokens["suppress"] == []


@pytest.mark.skipif(
    not (ROOT / "node_modules" / "tsx").exists() or not shutil.which("node"), reason="needs Node and npm ci"
)
def test_the_runtime_s_own_reader_accepts_the_metadata(folder, tmp_path):
    exported_bytes(folder)
    code = """
      import { readWhisperMetadata } from "./src/asr/metadata.ts";
      console.log(JSON.stringify(await readWhisperMetadata(process.argv[1])));
    """
    command = ["node", "--import", "tsx", "--input-type=module", "-e", code, str(tmp_path / "out.onnx")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tokens"]["noTimestamps"] == tiny.NO_TIMESTAMPS


def test_the_manifest_names_the_committed_file_and_the_card_says_the_same():
    manifest = json.loads((ROOT / "models" / "manifest.json").read_text())
    entry = next(entry for entry in manifest["models"] if entry["name"] == "whisper-base")
    content = COMMITTED.read_bytes()
    assert entry["bytes"] == len(content) < 100_000_000
    assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    card = (ROOT / "models" / "README.md").read_text(encoding="utf-8")
    for model in manifest["models"]:
        assert model["sha256"] in card, f"models/README.md lacks the sha256 of {model['name']}"
    tokenizer = (ROOT / "models" / "whisper-base.tokenizer.json").read_bytes()
    assert hashlib.sha256(tokenizer).hexdigest() in card


@pytest.mark.skipif(not WHISPER_BASE, reason="WHISPER_BASE names no folder with the original weights")
def test_a_re_export_reproduces_the_committed_file(tmp_path, capsys):
    """By the command in models/README.md. Minutes: the silent tail takes the float encoder over 30 s for each clip."""
    output = tmp_path / "whisper-base.onnx"
    config = ["--config", str(ROOT / "models" / "export" / "whisper-base"), "--name", "whisper-base"]
    main([WHISPER_BASE, str(output), *config, "--source", "https://huggingface.co/openai/whisper-base"])
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (output, COMMITTED)]
    with capsys.disabled():
        print("", "byte for byte the same" if digests[0] == digests[1] else f"not byte for byte the same: {digests}")
    ours, committed = onnx.load(output), onnx.load(COMMITTED)
    assert properties(output) == properties(COMMITTED)
    tensors = [{t.name: numpy_helper.to_array(t) for t in model.graph.initializer} for model in (ours, committed)]
    for model in (ours, committed):
        del model.graph.initializer[:]
    assert ours.SerializeToString(deterministic=True) == committed.SerializeToString(deterministic=True)
    assert list(tensors[0]) == list(tensors[1])
    for name, array in tensors[1].items():
        if array.dtype == np.float32:
            # The tail's last bits depend on the processor that measured it.
            np.testing.assert_allclose(tensors[0][name], array, rtol=0, atol=1e-4, err_msg=name)
        else:
            np.testing.assert_array_equal(tensors[0][name], array, err_msg=name)
