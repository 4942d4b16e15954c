"""Larger Whispers: random weights in the shape of each kind, exported, loaded by the runtime and run to an answer.

Layers, heads, mel bands and vocabularies are those of the published models, heads are 8 wide where those have 64. tiny
has its true width. With WHISPER_SHAPES=full small and large-v3-turbo do too, which takes 15 GB of memory and minutes.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.numpy import save_file
from transformers import GenerationConfig, WhisperConfig

from checkpoint import load_checkpoint
from export import main
from half_speech import inputs
from rounding import EXTREMES, Rounded
from tiny_whisper import Exported, random_weights

ROOT = Path(__file__).resolve().parent.parent.parent
FULL = os.environ.get("WHISPER_SHAPES") == "full"
V3_HEADS = [[7, 0], [10, 17], [12, 18], [13, 12], [16, 1], [17, 14], [19, 11], [21, 4], [24, 1], [25, 6]]


@dataclass(frozen=True)
class Shape:
    encoder_layers: int
    decoder_layers: int
    heads: int
    head_width: int
    mel_bands: int
    vocabulary: int
    alignment_heads: list | None

    @property
    def width(self) -> int:
        return self.heads * self.head_width


SHAPES = {
    "tiny": Shape(4, 4, 6, 64, 80, 51865, [[2, 2], [3, 0], [3, 2], [3, 3], [3, 4], [3, 5]]),
    "small": Shape(12, 12, 12, 8, 80, 51865, [[5, 3], [5, 9], [8, 0], [8, 4], [8, 7], [8, 8], [9, 0]]),
    "small.en": Shape(12, 12, 12, 8, 80, 51864, [[6, 6], [7, 0], [7, 3], [7, 8], [8, 2]]),
    "medium": Shape(24, 24, 16, 8, 80, 51865, [[13, 15], [15, 4], [15, 15], [16, 1], [20, 0], [23, 4]]),
    "large-v3": Shape(32, 32, 20, 8, 128, 51866, V3_HEADS),
    "large-v3-turbo": Shape(32, 4, 20, 8, 128, 51866, [[2, 4], [2, 11], [3, 3], [3, 6], [3, 11], [3, 14]]),
    "distil": Shape(32, 2, 20, 8, 128, 51866, None),
    "distil with its teacher's heads": Shape(32, 2, 20, 8, 128, 51866, V3_HEADS),
}
FULL_SHAPES = {
    "true small": Shape(12, 12, 12, 64, 80, 51865, SHAPES["small"].alignment_heads),
    "true large-v3-turbo": Shape(32, 4, 20, 64, 128, 51866, SHAPES["large-v3-turbo"].alignment_heads),
}


def write(folder: Path, shape: Shape) -> None:
    """As the hub lays a model out. Ids of Whisper's special tokens follow from the vocabulary."""
    english = shape.vocabulary == 51864
    end = 50256 if english else 50257
    no_timestamps = shape.vocabulary - 1502
    special = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": end + 1}
    sizes = {"vocab_size": shape.vocabulary, "num_mel_bins": shape.mel_bands, "d_model": shape.width}
    for part, layers in (("encoder", shape.encoder_layers), ("decoder", shape.decoder_layers)):
        sizes |= {f"{part}_layers": layers, f"{part}_attention_heads": shape.heads, f"{part}_ffn_dim": 4 * shape.width}
    config = WhisperConfig(**sizes, **special, suppress_tokens=None, begin_suppress_tokens=None)
    config.save_pretrained(folder)
    tasks = {"task_to_id": {"transcribe": no_timestamps - 4, "translate": no_timestamps - 5}}
    several = {} if english else {"lang_to_id": {"<|en|>": 50259, "<|de|>": 50261}, **tasks}
    named = {} if shape.alignment_heads is None else {"alignment_heads": shape.alignment_heads}
    GenerationConfig(
        **special,
        is_multilingual=not english,
        no_timestamps_token_id=no_timestamps,
        suppress_tokens=[1, 2, *range(end + 1, shape.vocabulary)],
        begin_suppress_tokens=[220, end],
        **several,
        **named,
    ).save_pretrained(folder)
    weights = random_weights(config, 3, end)
    save_file({name: array.astype(np.float16) for name, array in weights.items()}, folder / "model.safetensors")


@pytest.fixture(scope="module", params=[*SHAPES, *(FULL_SHAPES if FULL else [])])
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def shape(kind) -> Shape:
    return (SHAPES | FULL_SHAPES)[kind]


@pytest.fixture(scope="module")
def large(shape, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    write(folder, shape)
    return folder


SOUND = 0.3 * np.sin(2 * np.pi * 300 * np.arange(20800) / 16000).astype(np.float32)
ANSWER = """
  import { Whisper } from "./src/asr/whisper.ts";
  const [modelPath, tokenizerPath] = process.argv.slice(1);
  const whisper = await Whisper.load({ modelPath, tokenizerPath, threads: 1, spin: false });
  const pcm16k = Float32Array.from({ length: 20800 }, (_, n) => 0.3 * Math.sin((2 * Math.PI * 300 * n) / 16000));
  const audio = { pcm16k, language: "en" };
  const answers = await whisper.recognise([audio, audio], { beam: 3, limit: 6, align: true });
  const { model, melBands, vocabulary, alignmentHeads } = whisper.metadata;
  console.log(JSON.stringify({ model, melBands, vocabulary, alignmentHeads, answers }));
"""


@pytest.mark.skipif(
    not (ROOT / "node_modules" / "tsx").exists() or not shutil.which("node"), reason="needs Node and npm ci"
)
def test_the_runtime_loads_it_and_gives_an_answer(kind, shape, large):
    path = large / "model.onnx"
    main([str(large), str(path), "--name", kind, "--no-tail"])
    command = ["node", "--import", "tsx", "--input-type=module", "-e", ANSWER, str(path)]
    command.append(str(ROOT / "models" / "whisper-base.tokenizer.json"))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["model"], found["melBands"], found["vocabulary"]) == (kind, shape.mel_bands, shape.vocabulary)
    upper = [
        [layer, head] for layer in range(shape.decoder_layers // 2, shape.decoder_layers) for head in range(shape.heads)
    ]
    assert found["alignmentHeads"] == (upper if kind.startswith("distil") else shape.alignment_heads)
    one, other = found["answers"]
    assert one["tokens"] and one["tokens"] == other["tokens"] and one["logprob"] < 0
    path.unlink()


def test_the_graph_for_a_card_gives_an_answer_within_its_range(kind, shape, large):
    path = large / "card.onnx"
    main([str(large), str(path), "--precision", "float16", "--no-tail"])
    weights = sum(array.size for array in load_checkpoint(str(large)).weights.values())
    expected = 2 * (weights + shape.vocabulary * shape.width)  # the embedding takes four bytes
    assert expected < path.stat().st_size < expected + 5_000_000
    feeds = inputs(load_checkpoint(str(large)), [SOUND, SOUND[:8000]], 3) | {"max_tokens": np.array(6)}
    del feeds["tail_blocks"]
    rounded = Rounded(onnx.load(path))
    outputs = ["tokens", "logprobs", "alignment", "new", EXTREMES]
    tokens, logprobs, alignment, new, extremes = Exported(rounded.model.SerializeToString()).session.run(outputs, feeds)
    assert tokens.max() < shape.vocabulary and np.isfinite(logprobs).all()
    assert new.shape[0] == 2 * shape.encoder_layers + 1 and np.isfinite(new).all() and np.isfinite(alignment).all()
    assert max(extremes) <= 65504
    path.unlink()
