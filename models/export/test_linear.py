"""Products in integers: as exact as their levels allow, for each row by itself."""

import numpy as np
import onnxruntime
import pytest

from graph import FLOAT, Graph, Initialisers, value_info
from linear import PAIR_LEVELS, multiply, quantise_columns
from model import build_model


def product(matrix: np.ndarray, kind: str, x: np.ndarray) -> np.ndarray:
    g = Graph("main", Initialisers())
    g("Identity", multiply(g, "x", "key", matrix, kind), name="y")
    inputs, outputs = matrix.shape
    model = build_model(
        g, "product", [value_info("x", FLOAT, ["B", "T", inputs])], [value_info("y", FLOAT, ["B", "T", outputs])]
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x.astype(np.float32)})[0]


def matrices() -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    normal = random.normal(size=(1024, 96))
    outliers = normal.copy()
    outliers[::100] *= 30
    return {"normal": normal, "outliers": outliers, "equal": np.full((1024, 96), 0.3), "zero": np.zeros((1024, 96))}


@pytest.mark.parametrize("name", matrices())
def test_levels_are_within_half_a_step_and_no_pair_can_saturate(name):
    matrix = matrices()[name].astype(np.float32)
    levels, scale = quantise_columns(matrix)
    assert (np.abs(levels * scale - matrix) <= scale * 0.501).all()
    pairs = levels.astype(int).reshape(-1, 2, 96)
    for sign in (1, -1):
        assert np.maximum(sign * pairs, 0).sum(1).max() <= PAIR_LEVELS


@pytest.mark.parametrize("kind", ["row", "row-gelu"])
@pytest.mark.parametrize("name", matrices())
def test_the_loudest_rows_do_not_saturate(name, kind):
    """Every input at the end of its range, on the side that makes the sums of a column largest."""
    matrix = matrices()[name].astype(np.float32)
    least = 0.0 if kind == "row-gelu" else -1.0
    worst = [np.where(sign * matrix[:, column] > 0, 5.0, 5.0 * least) for column in (0, 40, 95) for sign in (1, -1)]
    x = np.array([worst])
    expected = x @ matrix.astype(np.float64)
    error = np.abs(product(matrix, kind, x) - expected)
    assert (error <= 0.02 * np.abs(expected).max() + 1e-6).all()


@pytest.mark.parametrize("kind", ["row", "row-gelu"])
def test_a_row_does_not_depend_on_those_beside_it(kind):
    random = np.random.default_rng(4)
    matrix = random.normal(size=(1024, 96)).astype(np.float32)
    x = np.maximum(random.normal(size=(1, 7, 1024)), -0.17) * np.array([1, 100, 0, 1e-3, 3, 1, 1])[None, :, None]
    together = product(matrix, kind, x)
    for row in range(7):
        assert (product(matrix, kind, x[:, row : row + 1]) == together[:, row : row + 1]).all()
    assert not together[:, 2].any()
    exact = x @ matrix.astype(np.float64)
    error = np.linalg.norm(together - exact, axis=2) / np.maximum(np.linalg.norm(exact, axis=2), 1e-9)
    print(error)
    assert error[0, [0, 1, 4, 5, 6]].max() < 0.03
