"""A thin writer of ONNX nodes: names, constants and shared initialisers.

`Graph` is one ONNX (sub)graph; the initialisers are shared by all of them, so that a weight used inside the
decoding loop and outside of it is stored once.
"""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

CONTRIB = "com.microsoft"
NEVER = -1e9  # added to a score that must not win; finite, so that no row turns into NaN


class Initialisers:
    """Named constant tensors of the whole model, each stored once."""

    def __init__(self) -> None:
        self.tensors: dict[str, TensorProto] = {}

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
        return self.initialisers.add(name, array)

    def ints(self, *values: int) -> str:
        return self.initialisers.constant(np.array(values, np.int64))

    def int(self, value: int) -> str:
        return self.initialisers.constant(np.array(value, np.int64))

    def float(self, value: float) -> str:
        return self.initialisers.constant(np.array(value, np.float32))

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


FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
