"""How weight matrices are stored and multiplied.

Kinds of storage, per matrix of shape (inputs, outputs):

- `float`: float32.
- `block`: 8 bits per weight with a float32 scale per block of inputs; multiplied by `MatMulNBits`
  (accuracy_level 4: activations in 8 bits per block). For the decoder, whose few rows make weight traffic the cost.
- `folded`: stored like `block`, written as constant arithmetic that ONNX Runtime folds to float32 when it loads
  the model. For the encoder, whose many rows keep the processor's float32 units busy.
- `row`: 8 bits per weight with a float32 scale per output, multiplied in integers. For an encoder where integers are
  much faster. The activations of each row are 8 bits of the row's own peak, so that a row sounds the same
  beside a louder one; `DynamicQuantizeMatMul` would take one scale for the whole batch.
- `row-gelu`: the same for what comes out of a GELU, where nearly everything is positive and a few inputs are large:
  levels from -0.17 on, and a scale per ROW_BLOCK inputs.
"""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from graph import Graph

BLOCK = 32
ROW_BLOCK = 512
PAIR_LEVELS = 128  # 255 * 128 < 2 ** 15
SILENT_ROW = 1e-9  # the least peak of a row; a row of zeros stays one
GELU_LEVELS = 223  # of 256, for 0 to the peak; 32 are left for negative values
GELU_ZERO = 32
GELU_MINIMUM = -0.17  # of x * normal_cdf(x)


def quantise_blocks(rows: np.ndarray, block: int) -> tuple[np.ndarray, np.ndarray]:
    """(outputs, inputs) -> uint8 (outputs, inputs / block, block) around 128, float32 scales (outputs, inputs / block).

    The value of the largest magnitude in a block takes the level 0, that is -128: its scale has the opposite sign.
    """
    outputs, inputs = rows.shape
    blocks = rows.reshape(outputs, inputs // block, block)
    peak = np.take_along_axis(blocks, np.abs(blocks).argmax(2, keepdims=True), 2)
    scale = peak / -128.0
    scale[scale == 0] = 1.0
    levels = np.clip(np.round(blocks / scale) + 128, 0, 255).astype(np.uint8)
    return levels, scale[..., 0].astype(np.float32)


def block_size(inputs: int) -> int:
    """How many inputs share a scale in `folded` matrices: 32, or where that does not divide them the next best.

    Only conv1 of 80 mel bands (240 inputs) needs another: 48.
    """
    for size in (BLOCK, 48, 40, 16, 8):
        if inputs % size == 0:
            return size
    raise ValueError(f"Expected the inputs of a matrix to be a multiple of 8, got {inputs}")


def multiply(g: Graph, x: str, key: str, matrix: np.ndarray, kind: str) -> str:
    """x (..., inputs) @ matrix (inputs, outputs)."""
    inputs, outputs = matrix.shape
    if kind == "float":
        return g("MatMul", x, g.weight(key, matrix))
    if kind == "folded":
        return g("MatMul", x, _folded(g, key, matrix))
    if kind == "row":
        return multiply_rows(g, quantise_rows(g, x), key, matrix)
    if kind == "row-gelu":
        return _multiply_row_blocks(g, x, key, matrix)
    if kind == "block":
        levels, scale = quantise_blocks(matrix.T, BLOCK)
        stored, scales = g.weight(f"{key}.q", levels), g.weight(f"{key}.scale", scale.reshape(-1))
        return block_multiply(g, x, stored, scales, inputs, outputs)
    raise ValueError(f"Unknown kind of storage: {kind}")


def block_multiply(g: Graph, x: str, levels: str, scale: str, inputs: int, outputs: int) -> str:
    shape = {"K": inputs, "N": outputs, "bits": 8, "block_size": BLOCK}
    return g("MatMulNBits", x, levels, scale, contrib=True, accuracy_level=4, **shape)


@dataclass(frozen=True)
class Rows:
    """Activations (..., inputs) whose rows were quantised each by itself: value = peak * unit * (levels - zero)."""

    levels: str  # uint8 (..., inputs)
    peak: str  # float32 (..., 1)
    unit: str  # float32 ()
    zero: str  # uint8 ()


def quantise_rows(g: Graph, x: str, gelu: bool = False) -> Rows:
    if gelu:
        least = -GELU_MINIMUM * GELU_LEVELS / GELU_ZERO  # a smaller peak would clip what is negative
        peak, levels, zero = g("ReduceMax", x, g.ints(-1), keepdims=1), GELU_LEVELS, GELU_ZERO
    else:
        least = SILENT_ROW
        peak, levels, zero = g("ReduceMax", g("Abs", x), g.ints(-1), keepdims=1), 127, 128
    peak = g("Max", peak, g.float(least))
    unit, zero = g.float(1 / levels), g.weight(f"rows.zero.{zero}", np.array(zero, np.uint8))
    return Rows(g("QuantizeLinear", g("Div", x, peak), unit, zero), peak, unit, zero)


def quantise_columns(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(inputs, outputs) -> int8 levels, float32 scales (outputs).

    AVX2 adds the products of two neighbouring inputs in 16 bits and saturates there. With activations up to 255 that
    cannot happen while neighbours of one sign add up to at most PAIR_LEVELS, which costs hardly a bit: the few large
    weights of a column seldom are neighbours.
    """
    least = np.finfo(np.float32).tiny
    widest = np.maximum(_pair_sums(matrix), _pair_sums(-matrix)).max(0)
    # Rounding may make a pair one level wider.
    scale = np.maximum(np.abs(matrix).max(0) / 127, widest / (PAIR_LEVELS - 1))
    scale = np.maximum(scale, least).astype(np.float32)
    return np.round(matrix / scale).astype(np.int8), scale


def _pair_sums(matrix: np.ndarray) -> np.ndarray:
    """(inputs, outputs) -> what is positive of inputs 2n and 2n + 1 together, (inputs / 2, outputs)."""
    return np.maximum(matrix, 0).reshape(-1, 2, matrix.shape[1]).sum(1)


def multiply_rows(g: Graph, rows: Rows, key: str, matrix: np.ndarray) -> str:
    """rows (..., inputs) @ matrix (inputs, outputs)."""
    levels, scale = quantise_columns(matrix)
    levels, scales = g.weight(f"{key}.q", levels), g.weight(f"{key}.scale", scale)
    y = g("MatMulIntegerToFloat", rows.levels, levels, rows.unit, scales, rows.zero, contrib=True)
    return g("Mul", y, rows.peak)


def _multiply_row_blocks(g: Graph, x: str, key: str, matrix: np.ndarray) -> str:
    inputs = matrix.shape[0]
    if inputs % ROW_BLOCK or inputs == ROW_BLOCK:
        return multiply_rows(g, quantise_rows(g, x, gelu=True), key, matrix)
    count = inputs // ROW_BLOCK
    products = [
        multiply_rows(g, quantise_rows(g, part, gelu=True), f"{key}.{k}", rows)
        for k, (part, rows) in enumerate(
            zip(g("Split", x, outputs=count, axis=-1, num_outputs=count), np.split(matrix, count), strict=True)
        )
    ]
    total = products[0]
    for product in products[1:]:
        total = g("Add", total, product)
    return total


def _folded(g: Graph, key: str, matrix: np.ndarray) -> str:
    """The matrix as arithmetic on its stored levels: all inputs constant, so that it is folded at load time."""
    inputs, outputs = matrix.shape
    size = block_size(inputs)
    levels, scale = quantise_blocks(matrix.T, size)
    centred = g("Sub", g("Cast", g.weight(f"{key}.q", levels), to=TensorProto.FLOAT), g.float(128.0))
    values = g("Mul", centred, g.weight(f"{key}.scale", scale[..., None]))
    return g("Transpose", g("Reshape", values, g.ints(outputs, inputs)), perm=[1, 0])
