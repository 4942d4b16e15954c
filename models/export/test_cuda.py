"""The graph for a card: operators that it has, float32 where float16 would not do, and nothing out of its range."""

import dataclasses
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, NodeProto, numpy_helper

from checkpoint import Checkpoint, ExportError, load_checkpoint
from cuda import KERNELS, element_types, faults, graphs
from decoder import EMBEDDING
from export import export, main
from graph import FLOAT, HALF_MAXIMUM, HALF_NEVER, INT64, Graph, Initialisers, value_info
from mel import log_mel
from model import build_model, build_recogniser
from rounding import EXTREMES, Rounded
from tail import measure_tail
from tiny_whisper import PREFIX, PREVIOUS, SUPPRESS, Exported, until_end

LENGTH = 32
SAMPLES = [320 * positions for positions in (248, 96, 160, 48)]


@pytest.fixture(scope="module")
def checkpoint(folder) -> Checkpoint:
    return load_checkpoint(str(folder))


@pytest.fixture(scope="module")
def tail(checkpoint, few_clips):
    return measure_tail(checkpoint, few_clips)


@pytest.fixture(scope="module")
def half(checkpoint, tail) -> ModelProto:
    return build_recogniser(checkpoint, tail, "float16")


@pytest.fixture(scope="module")
def rounded(half) -> Rounded:
    return Rounded(half)


@pytest.fixture(scope="module")
def on_card(rounded) -> Exported:
    """As a card would compute it, as far as rounding goes."""
    return Exported(rounded.model.SerializeToString(), 64)


def node_of(model: ModelProto, graph_name: str, fits: Callable[[NodeProto], bool]) -> NodeProto:
    graph = next(graph for graph in graphs(model.graph) if graph.name == graph_name)
    return next(node for node in graph.node if fits(node))


# operators


def test_every_node_in_every_graph_is_one_that_a_card_runs_without_cudnn(half):
    assert faults(half) == []
    names = {graph.name for graph in graphs(half.graph)}
    assert names == {"whisper", "token", "aligned", "not-aligned", "kept", "dropped"}
    used = {node.op_type for graph in graphs(half.graph) for node in graph.node}
    assert used <= set(KERNELS) and len(used) > 30


@pytest.mark.parametrize("operator", ["Conv", "ReduceMax", "ReduceSum", "ReduceMean", "ArgMax", "MaxPool", "STFT"])
@pytest.mark.parametrize("graph", ["whisper", "token", "aligned"])
def test_an_operator_that_needs_cudnn_is_found_wherever_it_is(half, operator, graph):
    broken = ModelProto()
    broken.CopyFrom(half)
    node = node_of(broken, graph, lambda node: node.op_type == "Softmax")
    node.op_type = operator
    assert faults(broken) == [f"{node.name}: {operator} is not among the operators for a card"]


def test_the_graph_for_a_processor_is_no_graph_for_a_card(checkpoint):
    found = faults(build_recogniser(checkpoint, None, "float"))
    assert {fault.split(": ")[1].split()[0] for fault in found} >= {"ReduceMax", "ReduceSum", "ReduceMin"}


def test_a_type_without_a_kernel_is_found(half):
    broken = ModelProto()
    broken.CopyFrom(half)
    node = node_of(broken, "whisper", lambda node: node.op_type == "Pad" and len(node.input) == 2)
    node.input[0] = "prompt"
    assert f"{node.name}: no kernel of Pad for INT64" in faults(broken)


@pytest.mark.parametrize(("operator", "index", "value"), [("TopK", 1, "beam.2"), ("Slice", 2, "prompt.grown")])
def test_a_step_that_waits_for_a_value_of_the_card_is_found(half, operator, index, value):
    broken = ModelProto()
    broken.CopyFrom(half)
    node = node_of(broken, "token", lambda node: node.op_type == operator)
    node.input[index] = value
    fault = f"{node.name}: input {index} of {operator} must be on the host, and {value} is on the card"
    assert fault in faults(broken)


def test_the_exporter_refuses_to_write_a_graph_that_no_card_can_run(checkpoint, tmp_path, monkeypatch):
    monkeypatch.delitem(KERNELS, "TopK")
    with pytest.raises(ExportError, match="TopK is not among the operators for a card"):
        export(checkpoint, tmp_path / "out.onnx", "float16", None, "", "")
    assert not (tmp_path / "out.onnx").exists()


# interface


def test_inputs_and_outputs_are_those_of_the_graph_for_a_processor_and_the_metadata_name_the_card(
    folder, few_clips, half, checkpoint, tail
):
    plain = build_recogniser(checkpoint, tail, "float")
    assert list(half.graph.input) == list(plain.graph.input)
    assert list(half.graph.output) == list(plain.graph.output)
    main([str(folder), str(folder / "card.onnx"), "--precision", "float16", "--speech", str(few_clips)])
    found = {entry.key: entry.value for entry in onnx.load(folder / "card.onnx").metadata_props}
    assert (found["precision"], found["linescribe.precision"], found["linescribe.device"]) == ("float16",) * 2 + (
        "cuda",
    )
    onnx.checker.check_model(onnx.load(folder / "card.onnx"))


def test_a_file_for_a_processor_names_no_device(folder, few_clips):
    """The committed file must not change: what names none is for the processor."""
    main([str(folder), str(folder / "plain.onnx"), "--precision", "int8", "--speech", str(few_clips)])
    found = {entry.key for entry in onnx.load(folder / "plain.onnx").metadata_props}
    assert not {"linescribe.precision", "linescribe.device"} & found


def test_weights_are_stored_once_and_in_two_bytes_but_the_embedding_that_gives_logits(half, checkpoint):
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in half.graph.initializer}
    assert "embedding.transposed" not in tensors
    in_float32 = {name for name, array in tensors.items() if array.dtype == np.float32 and array.size > 1}
    assert in_float32 == {"mel.fourier.split", "mel.filters", "embedding"}
    np.testing.assert_array_equal(tensors["embedding"], checkpoint[EMBEDDING])


# traps


def test_the_spectrogram_and_its_floor_are_float32(half):
    """1e-10 is 0 in float16, and log 0 is an infinity."""
    types = element_types(half)
    mel = [node for node in half.graph.node if node.name.startswith("main.mel.")]
    assert len(mel) > 20
    assert {types[name] for node in mel for name in node.output} == {FLOAT, INT64}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in half.graph.initializer}
    assert any(
        array.dtype == np.float32 and array.size == 1 and array == np.float32(1e-10) for array in constants.values()
    )
    assert np.float16(1e-10) == 0


def test_a_card_s_short_products_do_not_reach_the_spectrogram():
    """A faint tone beside a loud one, 75 dB apart: TF32 alone would bury it in noise."""
    time = np.arange(16000) / 16000
    pcm = (0.9 * np.sin(2 * np.pi * 440 * time) + 0.9 * 10**-3.75 * np.sin(2 * np.pi * 3000 * time))[None].astype(
        np.float32
    )
    mels = {}
    for half in (False, True):
        g = Graph("main", Initialisers(half))
        g("Identity", log_mel(g, "pcm", 80)[0], name="mel")
        values = [value_info("pcm", FLOAT, ["B", "S"])], [value_info("mel", FLOAT, ["B", "T", 80])]
        model = build_model(g, "mel", *values)
        model = Rounded(model).model if half else model
        mels[half] = onnxruntime.InferenceSession(model.SerializeToString()).run(["mel"], {"pcm": pcm})[0]
    assert np.abs(mels[True] - mels[False]).max() < 2e-3  # 2 ** -11 is the step of float16 behind it


def test_every_mask_is_finite_and_the_suppression_of_tokens_is_added_in_float32(half):
    types = element_types(half)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in half.graph.initializer}
    halves = {name: array for name, array in constants.items() if array.dtype == np.float16}
    assert all(np.isfinite(array).all() for array in halves.values())
    assert any(array.size == 1 and array == HALF_NEVER for array in halves.values())
    assert HALF_NEVER - 30000 > -HALF_MAXIMUM
    for graph in graphs(half.graph):
        for node in graph.node:
            if any(name in ("bias.every", "bias", "bias_first") for name in node.input) and node.op_type == "Add":
                assert {types[name] for name in node.input} == {FLOAT}
    assert sum(types[node.output[0]] == FLOAT for node in nodes(half, "LogSoftmax")) == 2


def nodes(model: ModelProto, operator: str) -> list[NodeProto]:
    return [node for graph in graphs(model.graph) for node in graph.node if node.op_type == operator]


def loud_and_quiet(pcm: np.ndarray) -> dict[str, np.ndarray]:
    """Sounds (4, S): at the ends of the range, at its beginning, and one beside the other."""
    window = pcm[:, : max(SAMPLES)]
    random = np.random.default_rng(1)
    square = np.where(np.sin(np.arange(window.shape[1]) * 2 * np.pi * 440 / 16000) >= 0, 1, -1)
    loud = np.stack([square, np.ones_like(square), random.choice([-1, 1], square.shape), np.sign(window[2])])
    faint = np.stack([0 * square, square * 1e-7, square * 2**-15, window[3] * 1e-5])
    return {
        "loud": loud.astype(np.float32),
        "quiet": faint.astype(np.float32),
        "silent": np.zeros_like(window),
        "speech-like": window,
        "both": np.stack([loud[0], faint[0], loud[1], faint[1]]).astype(np.float32),
    }


@pytest.mark.parametrize("name", ["loud", "quiet", "silent", "speech-like", "both"])
@pytest.mark.parametrize("beam", [1, 3])
def test_no_value_leaves_the_range_of_float16_and_none_is_nan(rounded, on_card, pcm, name, beam):
    """Ragged in samples and prompts, with alignment, and gone on from, so that every mask and branch is used."""
    sound = loud_and_quiet(pcm)[name]
    batch = np.stack([row * (np.arange(row.size) < length) for row, length in zip(sound, SAMPLES, strict=True)])
    prompts = [PREFIX, [PREVIOUS, 11, 12, *PREFIX], PREFIX, [*PREFIX, 30]]
    first = run_with_extremes(on_card, batch.astype(np.float32), beam, prompts, None)
    past = {"past": first["new"], "past_positions": np.array(SAMPLES) // 320, "past_peak": first["peak"]}
    past["past_context"] = np.zeros(1, np.int64)
    second = run_with_extremes(on_card, batch.astype(np.float32), beam, prompts, past)
    for outputs in (first, second):
        beyond = {
            site: size for site, size in zip(rounded.sites, outputs[EXTREMES], strict=True) if not size <= HALF_MAXIMUM
        }
        assert beyond == {}
        assert len(outputs[EXTREMES]) == len(rounded.sites) > 150
        for output in ("logprobs", "no_speech", "alignment", "new", "peak"):
            assert np.isfinite(outputs[output]).all(), output
        assert not np.isin(outputs["tokens"], [token for token in SUPPRESS if token < 300]).any()


def run_with_extremes(exported: Exported, pcm: np.ndarray, beam: int, prompts: list, past: dict | None) -> dict:
    outputs = ["tokens", "logprobs", "no_speech", "alignment", "new", "peak", EXTREMES]
    options = {"prompt": prompts, "align": True, "keep": True, "past": past, "outputs": outputs}
    return dict(zip(outputs, exported.run_all(pcm, LENGTH, beam, SAMPLES, **options), strict=True))


def test_the_check_of_the_range_sees_what_is_beyond_it(checkpoint, pcm):
    """Weights that make a layer's sum too large: the next layer gets it as large as it may be, and not an infinity."""
    weights = checkpoint.weights | {}
    for part, size in (("final_layer_norm.weight", 3000), ("fc2.bias", 60000)):
        name = f"model.encoder.layers.0.{part}"
        weights[name] = np.full_like(weights[name], size)
    model = Rounded(build_recogniser(dataclasses.replace(checkpoint, weights=weights), None, "float16"))
    found = run_with_extremes(Exported(model.model.SerializeToString()), pcm[:, : max(SAMPLES)], 1, [PREFIX] * 4, None)
    assert max(found[EXTREMES]) > HALF_MAXIMUM
    assert np.isfinite(found["logprobs"]).all()


def test_a_weight_beyond_the_range_is_refused(checkpoint, tmp_path):
    name = "model.encoder.layers.1.fc1.weight"
    weights = checkpoint.weights | {name: checkpoint[name] * np.float32(1e6)}
    with pytest.raises(ExportError, match=r"at most 65504 for float16, got .* in model.encoder.layers.1.fc1"):
        export(dataclasses.replace(checkpoint, weights=weights), tmp_path / "out.onnx", "float16", None, "", "")


@pytest.mark.parametrize("beam", [1, 3])
def test_rounding_hardly_changes_what_is_heard(checkpoint, tail, on_card, pcm, beam):
    """Random weights are worse than trained ones: their log-probabilities are nearly equal."""
    plain = Exported(build_recogniser(checkpoint, tail, "float").SerializeToString(), 64)
    batch = np.stack([pcm[row, : max(SAMPLES)] * (np.arange(max(SAMPLES)) < n) for row, n in enumerate(SAMPLES)])
    expected = plain.run(batch, LENGTH, beam, SAMPLES)
    got = on_card.run(batch, LENGTH, beam, SAMPLES)
    same = 0
    for row in range(len(batch)):
        ours, theirs = until_end(got[0][row]), until_end(expected[0][row])
        alike = next((k for k, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), len(theirs))
        same += ours == theirs
        assert alike > 0
        assert np.abs(got[1][row, :alike] - expected[1][row, :alike]).max() < 0.1
    assert same >= 2
    assert np.abs(got[2] - expected[2]).max() < 1e-3
    assert np.abs(got[1] - expected[1]).max() > 0, "nothing was rounded"


def test_the_file_itself_runs_on_the_processor_too(folder, few_clips, on_card, pcm):
    """Slower than one for the processor, and rounded less than on a card: a person can look at it without one."""
    main([str(folder), str(folder / "card.onnx"), "--precision", "float16", "--speech", str(few_clips)])
    window = pcm[:, : max(SAMPLES)]
    tokens, logprobs, _ = Exported(folder / "card.onnx", 64).run(window, LENGTH)
    ours, theirs = [until_end(row) for row in tokens], [until_end(row) for row in on_card.run(window, LENGTH)[0]]
    assert sum(a == b for a, b in zip(ours, theirs, strict=True)) >= 2
    assert np.isfinite(logprobs).all()
