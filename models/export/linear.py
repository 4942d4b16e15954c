"""How weight matrices are stored and multiplied.

Kinds of storage, per matrix of shape (inputs, outputs):

- `float`: float32.
- `block`: 8 bits per weight with a float32 scale per block of inputs; multiplied by `MatMulNBits`
  (accuracy_level 4: activations in 8 bits per block). For the decoder, whose few rows make weight traffic the cost.
- `folded`: stored like `block`, written as constant arithmetic that ONNX Runtime folds to float32 when it loads
  the model. For the encoder, whose many rows keep the processor's float32 units busy.

`DynamicQuantizeMatMul` would be faster for the encoder, but it takes one activation scale for the whole batch, so that
a row would sound different beside a louder one; and it cost 0.2 points of word error rate where it was tried.
"""

import numpy as np
from onnx import TensorProto

from graph import Graph

BLOCK = 32


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
    if kind == "block":
        levels, scale = quantise_blocks(matrix.T, BLOCK)
        stored, scales = g.weight(f"{key}.q", levels), g.weight(f"{key}.scale", scale.reshape(-1))
        return block_multiply(g, x, stored, scales, inputs, outputs)
    raise ValueError(f"Unknown kind of storage: {kind}")


def block_multiply(g: Graph, x: str, levels: str, scale: str, inputs: int, outputs: int) -> str:
    shape = {"K": inputs, "N": outputs, "bits": 8, "block_size": BLOCK}
    return g("MatMulNBits", x, levels, scale, contrib=True, accuracy_level=4, **shape)


def _folded(g: Graph, key: str, matrix: np.ndarray) -> str:
    """The matrix as arithmetic on its stored levels: all inputs constant, so that it is folded at load time."""
    inputs, outputs = matrix.shape
    size = block_size(inputs)
    levels, scale = quantise_blocks(matrix.T, size)
    centred = g("Sub", g("Cast", g.weight(f"{key}.q", levels), to=TensorProto.FLOAT), g.float(128.0))
    values = g("Mul", centred, g.weight(f"{key}.scale", scale[..., None]))
    return g("Transpose", g("Reshape", values, g.ints(outputs, inputs)), perm=[1, 0])
