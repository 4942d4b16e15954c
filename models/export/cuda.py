"""Which operators a graph for a card may have: those that ONNX Runtime's CUDA provider runs itself or by cuBLAS.

What is missing here has no kernel there for the types that are used, so that its values would be copied to the host
and back, or needs cuDNN, which need not be installed: Conv and its relatives, pooling, batch normalisation, Reduce*,
ArgMax and ArgMin ("A cuDNN handle is required for CUDA reduction"). Kernels and types are from ONNX Runtime's
docs/OperatorKernels.md and sources. Nobody has run such a graph on a card for this table.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

from graph import BOOL, CONTRIB, FLOAT, FLOAT16, INT64

REAL = frozenset({FLOAT, FLOAT16})
NUMBER = REAL | {INT64}
ANY = NUMBER | {BOOL}
LOGICAL = frozenset({BOOL})


@dataclass(frozen=True)
class Kernel:
    """Element types of an operator's values on the card, and why it needs no cuDNN.

    host: inputs that the kernel reads on the host; a constant or what comes from a shape costs nothing there.
    """

    types: frozenset[int]
    why: str
    host: tuple[int, ...] = ()


OWN = "a kernel of the provider"
BLAS = "cuBLAS"
COPY = "copies or views"
FLOW = "runs its graphs; condition and counter are on the host"

KERNELS = {
    "Add": Kernel(NUMBER, OWN),
    "And": Kernel(LOGICAL, OWN),
    "Cast": Kernel(ANY, OWN),
    "Clip": Kernel(REAL, OWN),
    "Concat": Kernel(ANY, COPY),
    "ConstantOfShape": Kernel(frozenset({INT64}), OWN, (0,)),
    "Div": Kernel(NUMBER, OWN),
    "Equal": Kernel(ANY, OWN),
    "Expand": Kernel(ANY, OWN, (1,)),
    "FusedMatMul": Kernel(REAL, BLAS),
    "Gather": Kernel(ANY, OWN),
    "GatherElements": Kernel(ANY, OWN),
    "GatherND": Kernel(ANY, OWN),
    "Gelu": Kernel(REAL, OWN),
    "Greater": Kernel(NUMBER, OWN),
    "GreaterOrEqual": Kernel(NUMBER, OWN),
    "Identity": Kernel(ANY, COPY),
    "If": Kernel(ANY, FLOW, (0,)),
    "LayerNormalization": Kernel(REAL, "a kernel of the provider, which sums in float32"),
    "Less": Kernel(NUMBER, OWN),
    "LessOrEqual": Kernel(NUMBER, OWN),
    "Log": Kernel(REAL, OWN),
    "LogSoftmax": Kernel(REAL, "a kernel of the provider, which sums in float32"),
    "Loop": Kernel(ANY, FLOW, (0, 1)),
    "MatMul": Kernel(REAL, BLAS + "; sums of float16 in float32, float32 itself by default as TF32"),
    "Max": Kernel(NUMBER, OWN),
    "Min": Kernel(NUMBER, OWN),
    "Mul": Kernel(NUMBER, OWN),
    "Neg": Kernel(NUMBER, OWN),
    "Pad": Kernel(REAL | {BOOL}, OWN, (1, 2, 3)),
    "Range": Kernel(NUMBER - {FLOAT16}, OWN, (0, 1, 2)),
    "Reshape": Kernel(ANY, COPY, (1,)),
    "Shape": Kernel(ANY, "gives a shape to the host"),
    "Slice": Kernel(ANY, OWN, (1, 2, 3, 4)),
    "Softmax": Kernel(REAL, "a kernel of the provider, which sums in float32"),
    "Split": Kernel(ANY, OWN, (1,)),
    "Squeeze": Kernel(ANY, COPY, (1,)),
    "Sub": Kernel(NUMBER, OWN),
    "TopK": Kernel(NUMBER, OWN, (1,)),
    "Transpose": Kernel(ANY, OWN),
    "Unsqueeze": Kernel(ANY, COPY, (1,)),
    "Where": Kernel(ANY - {BOOL}, OWN),
}
CONTRIBUTED = {"FusedMatMul", "Gelu"}  # of com.microsoft; the standard's Gelu is younger than our opset
# These give values that they were given, with nothing rounded.
MOVES = {"Concat", "Expand", "Gather", "GatherElements", "GatherND", "Identity", "If", "Loop", "Pad", "Reshape"}
MOVES |= {"Slice", "Split", "Squeeze", "Transpose", "Unsqueeze", "Where"}
COMPARISONS = {"And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"}


def graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """The graph, and those inside it."""
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from graphs(inner)


def subgraphs(node: NodeProto) -> list[GraphProto]:
    return [attribute.g for attribute in node.attribute if attribute.type == AttributeProto.GRAPH]


def element_types(model: ModelProto) -> dict[str, int]:
    """The element type of every value by name, names being unique over all graphs of ours."""
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    _add_types(model.graph, types)
    return types


def _add_types(graph: GraphProto, types: dict[str, int]) -> None:
    for value in graph.input:
        types[value.name] = value.type.tensor_type.elem_type
    for node in graph.node:
        for inner in subgraphs(node):
            _add_types(inner, types)
        for name, kind in zip(node.output, _output_types(node, types), strict=True):
            types[name] = kind


def _output_types(node: NodeProto, types: dict[str, int]) -> list[int]:
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if node.op_type in ("If", "Loop"):
        inner = subgraphs(node)[0]
        outputs = inner.output if node.op_type == "If" else inner.output[1:]  # the first is the condition
        return [types[value.name] for value in outputs]
    if node.op_type == "Cast":
        return [attributes["to"].i]
    if node.op_type == "ConstantOfShape":
        return [attributes["value"].t.data_type]
    if node.op_type == "Shape":
        return [INT64]
    if node.op_type in COMPARISONS:
        return [BOOL]
    if node.op_type == "TopK":
        return [types[node.input[0]], INT64]
    return [types[node.input[1 if node.op_type == "Where" else 0]]] * len(node.output)


def faults(model: ModelProto) -> list[str]:
    """What of a graph a card cannot run, or only with copies in every step of a loop; empty when all is well."""
    types, found = element_types(model), []
    for graph in graphs(model.graph):
        for node in graph.node:
            found += _kernel_faults(node, types)
    for node in [node for graph in graphs(model.graph) for node in graph.node if node.op_type == "Loop"]:
        body = subgraphs(node)[0]
        constants = {tensor.name for tensor in model.graph.initializer}
        found += Placement(body, constants, types).faults()
    return found


def _kernel_faults(node: NodeProto, types: dict[str, int]) -> list[str]:
    kernel = KERNELS.get(node.op_type)
    if kernel is None:
        return [f"{node.name}: {node.op_type} is not among the operators for a card"]
    if node.domain != (CONTRIB if node.op_type in CONTRIBUTED else ""):
        return [f"{node.name}: {node.op_type} of the domain {node.domain!r} is not among the operators for a card"]
    ofs = {types[name] for k, name in enumerate(node.input) if name and k not in kernel.host}
    if node.op_type == "Where":
        ofs = {types[name] for name in node.input[1:]}
    return [
        f"{node.name}: no kernel of {node.op_type} for {TensorProto.DataType.Name(kind)}"
        for kind in sorted(ofs - kernel.types)
    ]


@dataclass
class Placement:
    """Where the provider's rules put the nodes of a loop's body.

    ONNX Runtime keeps on the host what depends on nothing but shapes, small constants and the body's own inputs
    (`GetCpuPreferredNodes`). A kernel that reads such a value where it is costs nothing; one that wants a value of the
    card on the host makes every step wait for the card.
    """

    body: GraphProto
    constants: set[str]
    types: dict[str, int]
    on_host: set[str] = field(default_factory=set)  # values

    def faults(self) -> list[str]:
        inputs = {value.name for value in self.body.input}
        found = []
        for node in self.body.node:
            kernel = KERNELS.get(node.op_type, Kernel(ANY, ""))
            if node.op_type == "Shape" or self._stays_on_host(node, kernel, inputs):
                self.on_host.update(node.output)
                continue
            found += [
                f"{node.name}: input {k} of {node.op_type} must be on the host, and {node.input[k]} is on the card"
                for k in kernel.host
                if k < len(node.input) and node.input[k] not in self.constants | self.on_host
            ]
        return found

    def _stays_on_host(self, node: NodeProto, kernel: Kernel, inputs: set[str]) -> bool:
        if not any(name in self.on_host for name in node.input):
            return False
        if any(self.types[name] == FLOAT16 for name in node.input):
            return False
        if any(k in kernel.host and name in self.on_host for k, name in enumerate(node.input)):
            return False
        return all(name in self.on_host | self.constants | inputs for name in node.input)
