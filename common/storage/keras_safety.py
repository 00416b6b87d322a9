"""Checks the config of a Keras model against an allow-list before Keras loads the model.

A config names classes and functions, which Keras imports and calls, so a hostile config can run any
code. Therefore, only the layers of classifiers are allowed, each with its exact class and module.
Settings of layers can only be numbers, known words and known objects. `checked_model` builds a new
config from the allowed parts. Keras loads this new config, never the one in the file.
"""

from collections.abc import Callable, Collection
from typing import Any

MAX_INTEGER = 10_000  # for integers in a config, such as units: a tiny file can demand huge layers
MAX_LAYERS = 1_000  # layers of a model, not counting the layers of models inside it
UNLIMITED_KEYS = ("seed",)  # settings whose integers can exceed MAX_INTEGER: they are not sizes
WRAPPED_LAYER_KEYS = ("layer", "backward_layer")  # settings of a wrapper layer that are layers

LAYERS = frozenset(
    """
    Activation ActivityRegularization Add AlphaDropout Average AveragePooling1D AveragePooling2D
    BatchNormalization Bidirectional CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D
    Conv2DTranspose Cropping1D Cropping2D Dense DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU
    Flatten GRU GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalMaxPooling1D GlobalMaxPooling2D GroupNormalization Identity InputLayer LSTM
    LayerNormalization LeakyReLU MaxPooling1D MaxPooling2D Maximum Minimum Multiply Normalization
    PReLU Permute RMSNormalization RandomBrightness RandomContrast RandomCrop RandomErasing
    RandomFlip RandomRotation RandomShear RandomTranslation RandomZoom ReLU RepeatVector Rescaling
    Reshape Resizing SeparableConv1D SeparableConv2D SimpleRNN Softmax SpatialDropout1D
    SpatialDropout2D Subtract TimeDistributed UnitNormalization UpSampling1D UpSampling2D
    ZeroPadding1D ZeroPadding2D
    """.split()  # noqa: SIM905 (a list with one word per line would be far too long)
)
MODELS = ("Sequential", "Functional", "Model")
ARITHMETIC = frozenset({"Add", "Subtract", "Multiply", "Divide", "TrueDivide"})
INITIALIZERS = frozenset(
    """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones
    Orthogonal OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal VarianceScaling
    Zeros
    """.split()  # noqa: SIM905 (a list with one word per line would be far too long)
)
REGULARIZERS = frozenset({"L1", "L2", "L1L2", "OrthogonalRegularizer"})
CONSTRAINTS = frozenset({"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"})

MODEL_MODULES = {
    "keras": frozenset({"Sequential", "Model"}),
    "keras.src.models.functional": frozenset({"Functional"}),
}
LAYER_MODULES = {
    "keras.layers": LAYERS,
    "keras.src.ops.numpy": ARITHMETIC,  # from expressions such as `x / 255`
}
SETTING_MODULES = {
    "keras": frozenset({"DTypePolicy"}),
    "keras.initializers": INITIALIZERS,
    "keras.regularizers": REGULARIZERS,
    "keras.constraints": CONSTRAINTS,
}
LEGACY_SETTINGS = INITIALIZERS | REGULARIZERS | CONSTRAINTS
"""Classes that older `.h5` files name without their module."""

WORDS = frozenset(
    """
    valid same causal channels_first channels_last auto
    nearest bilinear bicubic lanczos3 lanczos5 area constant reflect wrap
    horizontal vertical horizontal_and_vertical
    fan_in fan_out fan_avg normal uniform truncated_normal untruncated_normal
    concat sum mul ave
    float16 bfloat16 float32 float64 mixed_float16 mixed_bfloat16 uint8 int32 int64 bool
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh
    leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink
    softmax softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh
    tanh_shrink threshold
    glorot_normal glorot_uniform he_normal he_uniform identity lecun_normal lecun_uniform one ones
    orthogonal random_normal random_uniform variance_scaling zero zeros
    l1 l2 l1l2 l1_l2 max_norm min_max_norm non_neg unit_norm
    """.split()  # noqa: SIM905 (a list with one word per line would be far too long)
)
"""Allowed strings: modes, dtypes, and names of activations, initializers and so on.

Never add the name of a function in `keras.layers`: when Keras loads an `.h5` file, it replaces such
a string with the function.
"""


class RefusedConfigError(Exception):
    """A config is not allowed. The message continues a sentence, such as "has 2,000 layers"."""


def checked_model(config: Any) -> dict[str, Any]:
    """Checks the config of a model and rebuilds it from its allowed parts.

    Build and compile settings are dropped, since Keras does not need them to load the model.

    Args:
        config: The config in a model file, parsed from JSON.

    Returns:
        A new config that is safe to load with Keras.

    Raises:
        RefusedConfigError: A part of the config is not allowed, or too large.
    """
    module, name = _named(config, MODEL_MODULES, MODELS)
    settings = config["config"]
    if not isinstance(settings, dict) or not isinstance(settings.get("layers"), list):
        raise RefusedConfigError(f"has a {name} without a list of layers")
    if len(settings["layers"]) > MAX_LAYERS:
        count = len(settings["layers"])
        raise RefusedConfigError(f"has {count:,} layers; expected at most {MAX_LAYERS:,}")
    checks: dict[str, Callable[[Any], Any]] = {
        "layers": lambda layers: [_layer(layer) for layer in layers],
        "input_layers": _tensor_names,
        "output_layers": _tensor_names,
        "build_input_shape": lambda shape: _plain("build_input_shape", shape),
    }
    clean = {
        key: checks[key](value) if key in checks else _setting(key, value)
        for key, value in settings.items()
    }
    return _rebuilt(module, name, clean)


def _layer(config: Any) -> dict[str, Any]:
    if isinstance(config, dict) and config.get("class_name") in MODELS:
        clean = checked_model(config)
    else:
        module, name = _named(config, LAYER_MODULES, LAYERS)
        settings = config["config"]
        if not isinstance(settings, dict):
            raise RefusedConfigError(f"has a {name} whose config is not an object")
        clean = _rebuilt(module, name, {key: _setting(key, part) for key, part in settings.items()})
    if "inbound_nodes" in config:  # the layer belongs to a functional model
        clean["name"] = _text("name", config.get("name"))
        nodes = config["inbound_nodes"]
        if not isinstance(nodes, list):
            raise RefusedConfigError("has inbound_nodes that are not a list")
        clean["inbound_nodes"] = [_node(node) for node in nodes]
    return clean


def _named(
    config: Any, modules: dict[str, frozenset[str]], legacy: Collection[str]
) -> tuple[str | None, str]:
    """Returns the module and the class that a config names, if they are allowed.

    Args:
        config: The config of a Keras object, such as a layer.
        modules: The allowed classes of each module.
        legacy: The classes that are allowed without a module, as in older `.h5` files.

    Raises:
        RefusedConfigError: The class is not allowed.
    """
    if not isinstance(config, dict) or "config" not in config:
        raise RefusedConfigError(f"has {_short(config)}; expected a Keras object")
    module, name = config.get("module"), config.get("class_name")
    allowed = legacy if "module" not in config else modules.get(str(module), frozenset())
    if not isinstance(name, str) or name not in allowed:
        place = f" of {_short(module)}" if "module" in config else ""
        inner = config["config"]
        what = f" {_short(inner)}" if name == "function" and isinstance(inner, str) else ""
        raise RefusedConfigError(
            f"uses {_short(name)}{what}{place}, which could run code or is not supported in "
            "classifiers"
        )
    if config.get("registered_name") not in (None, name):
        raise RefusedConfigError(
            f"registers {name} as {_short(config['registered_name'])}; expected a Keras class"
        )
    return module, name


def _rebuilt(module: str | None, name: str, settings: dict[str, Any]) -> dict[str, Any]:
    if module is None:
        return {"class_name": name, "config": settings}
    return {"module": module, "class_name": name, "config": settings, "registered_name": None}


def _setting(key: str, value: Any) -> Any:
    """Checks a setting of a layer: a plain value, an object such as an initializer, or a layer."""
    if key == "name":
        return value if value is None else _text(key, value)
    if not isinstance(value, dict):
        return _plain(key, value)
    if value.get("module") == "keras.layers" or key in WRAPPED_LAYER_KEYS:
        return _layer(value)
    module, name = _named(value, SETTING_MODULES, LEGACY_SETTINGS)
    inner = value["config"]
    if not isinstance(inner, dict):
        raise RefusedConfigError(f"has a {name} whose config is not an object")
    return _rebuilt(module, name, {part: _plain(part, inner[part]) for part in inner})


def _plain(key: str, value: Any) -> Any:
    """Checks a plain value: a number, a known word, None, or a list of these."""
    if isinstance(value, list):
        return [_plain(key, part) for part in value]
    if isinstance(value, str):
        if value not in WORDS:
            raise RefusedConfigError(f"has {_short(key)} {_short(value)}, which is not supported")
    elif isinstance(value, dict):
        raise RefusedConfigError(f"has {_short(key)} {_short(value)}, which is not supported")
    elif isinstance(value, int) and abs(value) > MAX_INTEGER and key not in UNLIMITED_KEYS:
        raise RefusedConfigError(
            f"has {_short(key)} {_short(value)}; expected at most {MAX_INTEGER:,}"
        )
    return value


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise RefusedConfigError(f"has {_short(key)} {_short(value)}; expected text")
    return value


def _tensor_names(value: Any) -> Any:
    """Checks a reference to a tensor, [layer, node, tensor], or a list of references."""
    if isinstance(value, list):
        return [_tensor_names(part) for part in value]
    return value if isinstance(value, str) else _plain("tensor", value)


def _node(node: Any) -> Any:
    """Checks a call of a layer, in the format of Keras 3 or of an earlier version."""
    if not isinstance(node, dict):
        return _legacy_node(node)
    if not set(node) <= {"args", "kwargs"} or not isinstance(node.get("kwargs"), dict):
        raise RefusedConfigError(f"has an invalid node, {_short(node)}; expected args and kwargs")
    kwargs = {key: _argument(key, value) for key, value in node["kwargs"].items()}
    return {"args": _argument("args", node.get("args")), "kwargs": kwargs}


def _legacy_node(node: Any) -> list[Any]:
    """Checks a call of a layer in the format of earlier versions of Keras.

    Each input of the call is [layer, node, tensor] or [layer, node, tensor, kwargs].
    """
    calls = []
    for call in node if isinstance(node, list) else [node]:
        if not isinstance(call, list) or len(call) not in (3, 4):
            raise RefusedConfigError(
                f"has an invalid node, {_short(call)}; expected [layer, node, tensor]"
            )
        kwargs = call[3] if len(call) == 4 else {}
        if not isinstance(kwargs, dict):
            raise RefusedConfigError(
                f"has an invalid node, {_short(call)}; expected an object as kwargs"
            )
        plain = {key: _plain(key, value) for key, value in kwargs.items()}
        calls.append([*_tensor_names(call[:3]), plain])
    return calls


def _argument(key: str, value: Any) -> Any:
    """Checks an argument of a call: a tensor, a plain value, or a list of these."""
    if isinstance(value, list):
        return [_argument(key, part) for part in value]
    if not isinstance(value, dict):
        return _plain(key, value)
    inner = value.get("config")
    if value.get("class_name") != "__keras_tensor__" or not isinstance(inner, dict):
        name = value.get("class_name")
        function = f" {_short(inner)}" if isinstance(inner, str) else ""
        raise RefusedConfigError(
            f"passes {_short(name)}{function} to a layer, which could run code; expected tensors "
            "or numbers"
        )
    clean = {
        "shape": _plain("shape", inner.get("shape")),
        "dtype": _plain("dtype", inner.get("dtype")),
        "keras_history": _tensor_names(inner.get("keras_history")),
    }
    return {"class_name": "__keras_tensor__", "config": clean}


def _short(value: Any) -> str:
    """Formats a value for a message, with at most 80 characters."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
