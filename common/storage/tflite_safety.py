"""Checks the operators of a `.tflite` model against an allow-list before LiteRT runs it.

An allowed model does the same work for every image of the same size. It has no loops, branches,
state or custom operators, and no tensor whose shape depends on pixel values.
"""

from typing import Any

SHAPE_INPUTS: dict[str, tuple[int, ...]] = {
    "BATCH_TO_SPACE_ND": (1, 2),
    "BROADCAST_TO": (1,),
    "EXPAND_DIMS": (1,),
    "FILL": (0,),
    "MEAN": (1,),
    "MIRROR_PAD": (1,),
    "PAD": (1,),
    "PADV2": (1,),
    "RANGE": (0, 1, 2),
    "REDUCE_MAX": (1,),
    "REDUCE_MIN": (1,),
    "REDUCE_PROD": (1,),
    "RESHAPE": (1,),
    "RESIZE_BILINEAR": (1,),
    "RESIZE_NEAREST_NEIGHBOR": (1,),
    "SLICE": (1, 2),
    "SPACE_TO_BATCH_ND": (1, 2),
    "SPLIT": (0,),
    "SPLIT_V": (1, 2),
    "STRIDED_SLICE": (1, 2, 3),
    "SUM": (1,),
    "TILE": (1,),
    "TRANSPOSE": (1,),
    "TRANSPOSE_CONV": (0,),
}
"""Operators whose output shape depends on input values, with the indices of these inputs."""

OTHER_OPERATORS = frozenset(
    """
    ABS ADD ADD_N AVERAGE_POOL_2D BATCH_MATMUL BROADCAST_ARGS CAST CEIL CONCATENATION CONV_2D
    DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV ELU EQUAL EXP FLOOR FLOOR_DIV FLOOR_MOD
    FULLY_CONNECTED GATHER GELU GREATER GREATER_EQUAL HARD_SWISH L2_NORMALIZATION LEAKY_RELU LESS
    LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D
    MINIMUM MUL NEG NOT_EQUAL PACK POW PRELU QUANTIZE RANK RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1
    ROUND RSQRT SELECT SELECT_V2 SHAPE SIGN SOFTMAX SPACE_TO_DEPTH SQRT SQUARE SQUARED_DIFFERENCE
    SQUEEZE SUB TANH UNPACK ZEROS_LIKE
    """.split()  # noqa: SIM905 (a list with one word per line would be far too long)
)
SHAPE_READERS = ("SHAPE", "RANK")  # operators that use only the shape of a tensor, not its values


class RefusedOperatorsError(Exception):
    """A model is not allowed. The message continues a sentence, such as "has 2 subgraphs"."""


def check_operators(content: bytes) -> None:
    """Checks that a model does the same work for every image of the same size.

    Args:
        content: The content of a `.tflite` file.

    Raises:
        RefusedOperatorsError: The model has an operator that is not allowed, several subgraphs, or
            a shape that is computed from pixel values.
        Exception: The file is damaged. The parser raises errors of many types.
    """
    # Imported here: only untrusted models are checked.
    from ai_edge_litert import schema_py_generated as schema

    if not schema.Model.ModelBufferHasIdentifier(content, 0):
        raise RefusedOperatorsError("is damaged or not a .tflite model")
    model = schema.Model.GetRootAs(content, 0)
    if model.SubgraphsLength() != 1:
        raise RefusedOperatorsError(f"has {model.SubgraphsLength():,} subgraphs; expected one")
    code_names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    names = [
        code_names.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "unknown")
        for code in codes
    ]
    for name in names:
        if name not in SHAPE_INPUTS and name not in OTHER_OPERATORS:
            raise RefusedOperatorsError(
                f"has the operator {name}, which is not supported in classifiers and finders"
            )
    graph = model.Subgraphs(0)
    operators = [graph.Operators(index) for index in range(graph.OperatorsLength())]
    _check_shapes(graph, [(names[each.OpcodeIndex()], each) for each in operators])


def _check_shapes(graph: Any, operators: list[tuple[str, Any]]) -> None:
    """Raises a RefusedOperatorsError if a shape is computed from pixel values."""
    calls = [
        (name, _numbers(each, "Inputs"), _numbers(each, "Outputs")) for name, each in operators
    ]
    from_image, known = set(_numbers(graph, "Inputs")), -1
    while known != len(from_image):  # repeat until no more dependent tensors are found
        known = len(from_image)
        for name, inputs, outputs in calls:
            if name not in SHAPE_READERS and from_image.intersection(inputs):
                from_image.update(outputs)
    from_image.discard(-1)
    for name, inputs, _ in calls:
        shapes = [inputs[place] for place in SHAPE_INPUTS.get(name, ()) if place < len(inputs)]
        if from_image.intersection(shapes):
            raise RefusedOperatorsError(f"computes a shape from pixel values ({name})")


def _numbers(table: Any, field: str) -> list[int]:
    """Returns the tensor indices in a field of a table; -1 means an omitted optional tensor."""
    count = getattr(table, f"{field}Length")()
    return [getattr(table, field)(index) for index in range(count)]
