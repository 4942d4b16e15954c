"""Largest, least and count along axes, in operators that the graph's device has.

ONNX Runtime's CUDA provider gives Reduce* and ArgMax to cuDNN, which need not be installed; TopK and MatMul are its own
and cuBLAS's. See cuda.py.
"""

from graph import FLOAT, INT64, Graph


def largest(g: Graph, x: str, *axes: int) -> str:
    """x without `axes`: the largest value along them."""
    if not g.half:
        return g("ReduceMax", x, g.ints(*axes), keepdims=0)
    for axis in sorted(axes, reverse=True):
        x = g("Squeeze", g("TopK", x, g.ints(1), outputs=2, axis=axis)[0], g.ints(axis))
    return x


def least_is_below(g: Graph, x: str, limit: str, name: str | None) -> str:
    """Whether the least value of x (B, 1) is below the graph's input `limit`, scalar bool."""
    if not g.half:
        return g("Less", g("ReduceMin", x, keepdims=0), limit, name=name)
    value, _ = g("TopK", g("Squeeze", x, g.ints(1)), g.ints(1), outputs=2, axis=0, largest=0)
    return g("Squeeze", g("Less", value, f"{limit}.1"), g.ints(0), name=name)


def count(g: Graph, x: str, ones: str) -> str:
    """How many of x (B, n) bool are true, (B, 1) int64. `ones` (n, 1) float32."""
    if not g.half:
        return g("ReduceSum", g("Cast", x, to=INT64), g.ints(1), keepdims=1)
    return g("Cast", g("MatMul", g("Cast", x, to=FLOAT), ones), to=INT64)
