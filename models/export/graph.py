"""A thin writer of ONNX nodes: names, constants and shared initialisers.

`Graph` is one ONNX (sub)graph; the initialisers are shared by all of them, so that a weight used inside the
decoding loop and outside of it is stored once. They also know in which type the network computes: float32, or float16
on a card (`half`). Sound, search and all that goes in and out is float32 in both; `narrow` and `widen` lie between.
"""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from weights import ExportError

CONTRIB = "com.microsoft"
NEVER = -1e9  # added to a score that must not win; finite, so that no row turns into NaN
HALF_MAXIMUM = 65504.0  # the largest float16
TF32_SPLIT = float(2**13 + 1)  # Veltkamp's factor: leaves 24 - 13 = 11 bits of a float32
HALF_NEVER = -HALF_MAXIMUM / 2  # NEVER would be -infinity there; half of the range is left for the score itself


class Initialisers:
    """Named constant tensors of the whole model, each stored once."""

    def __init__(self, half: bool = False) -> None:
        self.tensors: dict[str, TensorProto] = {}
        self.half = half

    def add(self, name: str, array: np.ndarray) -> str:
        if name not in self.tensors:
            self.tensors[name] = numpy_helper.from_array(np.ascontiguousarray(array).reshape(np.shape(array)), name)
        return name

    def constant(self, array: np.ndarray) -> str:
        """A small constant named after its value, so that equal ones are one."""
        values = "_".join(str(value) for value in array.flatten().tolist())
        return self.add(f"const.{array.dtype}.{'x'.join(map(str, array.shape))}.{values}", array)


class Graph:
    """Collects nodes. Calling it writes a node: `g("Add", a, b)` returns the name of the output."""

    def __init__(self, prefix: str, initialisers: Initialisers) -> None:
        self.prefix = prefix
        self.initialisers = initialisers
        self.nodes: list = []
        self.section = ""  # part of the nodes' names, so that a profile can be read by part

    def __call__(
        self, op: str, *inputs: str, outputs: int = 1, name: str | None = None, contrib: bool = False, **attributes
    ):
        """Appends a node and returns its output's name, or a list of names when it has several.

        Names count the nodes so far: the order in which nodes are written is part of the exported file.
        """
        stem = f"{self.prefix}.{self.section}.{len(self.nodes)}.{op}"
        names = [name] if name else [f"{stem}.{k}" for k in range(outputs)]
        domain = CONTRIB if contrib else ""
        self.nodes.append(helper.make_node(op, list(inputs), names, domain=domain, name=stem, **attributes))
        return names[0] if len(names) == 1 else names

    # constants

    def weight(self, name: str, array: np.ndarray) -> str:
        """A weight of the network, stored in its type."""
        if self.half and name not in self.initialisers.tensors and array.dtype == np.float32:
            array = as_half(name, array)
        return self.exact(name, array)

    def exact(self, name: str, array: np.ndarray) -> str:
        return self.initialisers.add(name, array)

    def ints(self, *values: int) -> str:
        return self.initialisers.constant(np.array(values, np.int64))

    def int(self, value: int) -> str:
        return self.initialisers.constant(np.array(value, np.int64))

    def float(self, value: float) -> str:
        return self.initialisers.constant(np.array(value, np.float32))

    # the type in which the network computes

    @property
    def half(self) -> bool:
        return self.initialisers.half

    @property
    def network(self) -> int:
        return FLOAT16 if self.half else FLOAT

    def scalar(self, value: float) -> str:
        """A number beside the network's values; `float` is one beside those of sound and search."""
        return self.initialisers.constant(np.array(value, np.float16)) if self.half else self.float(value)

    def never(self) -> str:
        return self.scalar(HALF_NEVER if self.half else NEVER)

    def narrow(self, x: str) -> str:
        """float32 -> the network's type."""
        return self("Cast", x, to=FLOAT16) if self.half else x

    def widen(self, x: str) -> str:
        """The network's type -> float32."""
        return self("Cast", x, to=FLOAT) if self.half else x

    # small compounds

    def dim(self, x: str, axis: int) -> str:
        """The size of one axis, shape (1,)."""
        return self("Shape", x, start=axis, end=axis + 1)

    def shape(self, *parts) -> str:
        """A shape from integers and (1,)-shaped names."""
        return self("Concat", *[self.ints(part) if isinstance(part, int) else part for part in parts], axis=0)

    def slice(self, x: str, start: str, end: str, axis: int) -> str:
        return self("Slice", x, start, end, self.ints(axis))

    def range(self, end: str) -> str:
        """0 .. end-1 for a (1,)-shaped end, shape (end,)."""
        return self("Range", self.int(0), self("Squeeze", end, self.ints(0)), self.int(1))

    def filled(self, shape: str, value, dtype) -> str:
        return self("ConstantOfShape", shape, value=numpy_helper.from_array(np.array([value], dtype)))


def value_info(name: str, kind: int, shape: list):
    return helper.make_tensor_value_info(name, kind, shape)


def as_half(name: str, array: np.ndarray) -> np.ndarray:
    """float32 -> float16. Raises ExportError for a weight that does not fit."""
    largest = float(np.abs(array).max(initial=0))
    if not largest <= HALF_MAXIMUM:  # NaN neither
        raise ExportError(f"Expected weights of at most {HALF_MAXIMUM:g} for float16, got {largest:g} in {name}")
    return array.astype(np.float16)


FLOAT, FLOAT16, INT64, BOOL = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64, TensorProto.BOOL
