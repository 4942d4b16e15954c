"""A graph for a card as the processor can run it: every float16 result is computed in float32 and rounded to float16.

ONNX Runtime's CPU kernels are float32, and the casts that it puts around a float16 graph are removed again between
neighbours, so that running the exported file there rounds next to nothing. Here every rounding is written out, float32
products get inputs of 11 bits as TF32 does, and one more output tells how large values were before they were rounded.
"""

import numpy as np
import onnx
from onnx import ModelProto, helper, numpy_helper

from cuda import MOVES, element_types, subgraphs
from graph import FLOAT, FLOAT16, TF32_SPLIT, value_info

EXTREMES = (
    "extremes"  # output, float32 (sites): the largest magnitude of each rounded value; infinite where one was NaN
)


class Rounded:
    """The rewritten model. sites: the name of each value that is rounded, in the order of the output `extremes`.

    plain: the float32 model of the same checkpoint. With it nothing is rounded, weights neither, so that what is left
    of the graph for a card is how it searches.
    """

    def __init__(self, model: ModelProto, plain: ModelProto | None = None) -> None:
        self.types = element_types(model)
        self.rounds = plain is None
        self.sites: list[str] = []
        exact = {tensor.name: tensor for tensor in plain.graph.initializer} if plain else {}
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        graph = self.model.graph
        constants = {"round.zero": np.zeros(1, np.float32), "round.infinity": np.array(np.inf, np.float32)}
        constants |= {"round.split": np.array(TF32_SPLIT, np.float32), "round.flat": np.array([-1])}
        for tensor in graph.initializer:
            if tensor.name in exact:
                tensor.CopyFrom(exact[tensor.name])
            elif tensor.data_type == FLOAT16:
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
        graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items())
        found = self._rewrite(graph) or ["round.zero"]
        graph.node.append(helper.make_node("Concat", found, [EXTREMES], axis=0))
        graph.output.append(value_info(EXTREMES, FLOAT, ["sites"]))

    def _rewrite(self, graph: onnx.GraphProto) -> list[str]:
        """Rewrites a graph in place. Returns the names of the extremes that were found in it, each (n,)."""
        for value in [*graph.input, *graph.output]:
            if value.type.tensor_type.elem_type == FLOAT16:
                value.type.tensor_type.elem_type = FLOAT
        nodes, found = list(graph.node), []
        del graph.node[:]
        for node in nodes:
            if node.op_type == "If":
                found += self._rewrite_if(graph, node)
            elif node.op_type == "Loop":
                found += self._rewrite_loop(graph, node)
            elif node.op_type == "Cast" and self.types[node.output[0]] in (FLOAT, FLOAT16):
                found += self._rewrite_cast(graph, node)
            else:
                found += self._rewrite_other(graph, node)
        return found

    def _rewrite_cast(self, graph, node) -> list[str]:
        if self.types[node.output[0]] == FLOAT16 and self.types[node.input[0]] == FLOAT:
            return self._round(graph, node.input[0], node.output[0])
        graph.node.append(helper.make_node("Cast", node.input, node.output, name=node.name, to=FLOAT))
        return []

    def _rewrite_other(self, graph, node) -> list[str]:
        if self.rounds and node.op_type in ("MatMul", "FusedMatMul") and self.types[node.output[0]] == FLOAT:
            for k, name in enumerate(node.input):
                node.input[k] = self._as_tf32(graph, name, f"{node.output[0]}.{k}")
        halves = [k for k, name in enumerate(node.output) if self.types[name] == FLOAT16]
        graph.node.append(node)
        written = graph.node[-1]
        if node.op_type in MOVES:
            return []
        found = []
        for k in halves:
            name = node.output[k]
            written.output[k] = f"{name}.exact"
            found += self._round(graph, f"{name}.exact", name)
        return found

    def _as_tf32(self, graph, name: str, stem: str) -> str:
        for op, inputs, output in [
            ("Mul", [name, "round.split"], "scaled"),
            ("Sub", [f"{stem}.scaled", name], "low"),
            ("Sub", [f"{stem}.scaled", f"{stem}.low"], "tf32"),
        ]:
            graph.node.append(helper.make_node(op, inputs, [f"{stem}.{output}"]))
        return f"{stem}.tf32"

    def _round(self, graph, exact: str, name: str) -> list[str]:
        self.sites.append(name)
        add = graph.node.append
        add(helper.make_node("Cast", [exact], [f"{name}.half"], to=FLOAT16 if self.rounds else FLOAT))
        add(helper.make_node("Cast", [f"{name}.half"], [name], to=FLOAT))
        add(helper.make_node("IsNaN", [exact], [f"{name}.nan"]))
        add(helper.make_node("Abs", [exact], [f"{name}.size"]))
        add(helper.make_node("Where", [f"{name}.nan", "round.infinity", f"{name}.size"], [f"{name}.or"]))
        add(helper.make_node("Reshape", [f"{name}.or", "round.flat"], [f"{name}.flat"]))
        add(helper.make_node("Concat", [f"{name}.flat", "round.zero"], [f"{name}.some"], axis=0))  # none may be empty
        add(helper.make_node("ReduceMax", [f"{name}.some"], [f"{name}.extreme"], keepdims=1))
        return [f"{name}.extreme"]

    def _rewrite_if(self, graph, node) -> list[str]:
        """A branch gives zeros for the sites of the other."""
        counts = []
        for branch in subgraphs(node):
            before = len(self.sites)
            found = self._rewrite(branch)
            counts.append((branch, found, len(self.sites) - before))
        name = f"{node.output[0]}.extremes"
        for k, (branch, found, _) in enumerate(counts):
            zeros = [f"{name}.{k}.{j}" for j in range(len(counts))]
            parts = []
            for j, (_, _, count) in enumerate(counts):
                if j == k:
                    parts += found
                elif count:
                    value = numpy_helper.from_array(np.zeros(count, np.float32))
                    branch.node.append(helper.make_node("Constant", [], [zeros[j]], value=value))
                    parts.append(zeros[j])
            if parts:
                branch.node.append(helper.make_node("Concat", parts, [f"{name}.{k}"], axis=0))
                branch.output.append(value_info(f"{name}.{k}", FLOAT, ["sites"]))
        graph.node.append(node)
        if not any(count for _, _, count in counts):
            return []
        graph.node[-1].output.append(name)
        return [name]

    def _rewrite_loop(self, graph, node) -> list[str]:
        """The largest of all steps is carried through them."""
        before = len(self.sites)
        body = subgraphs(node)[0]
        found = self._rewrite(body)
        count = len(self.sites) - before
        name = f"{node.output[0]}.extremes"
        body.input.append(value_info(f"{name}.in", FLOAT, [count]))
        body.node.append(helper.make_node("Concat", found, [f"{name}.step"], axis=0))
        body.node.append(helper.make_node("Max", [f"{name}.in", f"{name}.step"], [f"{name}.out"]))
        body.output.append(value_info(f"{name}.out", FLOAT, [count]))
        zeros = numpy_helper.from_array(np.zeros(count, np.float32))
        graph.node.append(helper.make_node("Constant", [], [f"{name}.zeros"], value=zeros))
        graph.node.append(node)
        graph.node[-1].input.append(f"{name}.zeros")
        graph.node[-1].output.append(name)
        return [name]
