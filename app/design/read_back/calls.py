"""Constructor calls: which block they make, and what each of their arguments is as a setting."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from typing import NamedTuple

from app.design.expressions import ExpressionError, parse
from app.design.read_back import torch_layers
from app.design.read_back.parse import ModuleCode
from app.design.values import Expression, SettingValue
from blocks.card import Setting

NN = "nn."
LISTS = ("nn.Sequential", "nn.ModuleList")


class Call(NamedTuple):
    """A module as it is made: what is called, with which arguments by name (defaults included where they are known).
    `repeat` is set where it is made so many times in a row."""

    callee: str
    """`nn.Conv2d`, or the name of a class in the text."""
    arguments: dict[str, ast.expr]
    written: frozenset[str]
    """The arguments that stand there."""
    line: int
    repeat: ast.expr | None = None
    holder: str = ""
    """What holds the repetitions: `nn.Sequential`, `nn.ModuleList`."""
    layer: str = ""
    """The layer of torch whose constructor is called, by a class that inherits from it too."""
    others: tuple[Call, ...] = ()
    """Repetitions that are told something else, as those behind the first are of their sizes."""


class CallError(ValueError):
    """A value that is no call of a module that can be read."""


def call_of(value: ast.expr, module: ModuleCode) -> Call:
    """Read what an attribute is given. Raises CallError."""
    if not isinstance(value, ast.Call):
        raise CallError("only modules can be read here: `self.NAME = CLASS(...)`")
    callee = _callee(value.func, module)
    if callee in LISTS:
        return _repeated(value, callee, module)
    layer = layer_of(callee, module)
    parameters = parameters_of(callee, module)
    arguments: dict[str, ast.expr] = {}
    names = list(parameters)
    if any(isinstance(argument, ast.Starred) for argument in value.args):
        raise CallError("arguments are written out one by one, without `*`")
    if len(value.args) > len(names):
        raise CallError(f"{callee} takes {len(names)} arguments, but here are {len(value.args)}")
    arguments.update(zip(names, value.args, strict=False))
    for keyword in value.keywords:
        if keyword.arg is None or keyword.arg not in parameters:
            known = ", ".join(names[:12]) or "none"
            raise CallError(f"{callee} has no argument `{keyword.arg or '**'}` (it has: {known})")
        if keyword.arg in arguments:
            raise CallError(f"`{keyword.arg}` is given twice")
        arguments[keyword.arg] = keyword.value
    written = frozenset(arguments)
    whole = {name: arguments.get(name, default) for name, default in parameters.items()}
    missing = [name for name, given in whole.items() if given is None]
    if missing:
        raise CallError(f"{callee} needs `{missing[0]}`")
    told = {name: given for name, given in whole.items() if given is not None}
    if layer.startswith("Conv") and isinstance(word := told.get("padding"), ast.Constant) and type(word.value) is str:
        told["padding"] = _padding(word, told)
    return Call(callee, told, written, value.lineno, layer=layer)


def _padding(word: ast.Constant, told: Mapping[str, ast.expr]) -> ast.expr:
    """torch's `same` and `valid` as numbers."""
    if word.value == "valid":
        return ast.copy_location(ast.Constant(0), word)
    kernel, spread = _constant(told["kernel_size"]), _constant(told["dilation"])
    kernels = kernel if isinstance(kernel, tuple) else (kernel,)
    spreads = spread if isinstance(spread, tuple) else (spread,) * len(kernels)
    if word.value != "same" or not all(isinstance(k, int) and k % 2 for k in kernels):
        raise CallError(f"padding {word.value!r} of an uneven kernel alone can be read: write the padding as a number")
    sides = [ast.Constant((k - 1) * s // 2) for k, s in zip(kernels, spreads, strict=False)]  # type: ignore[operator]
    return ast.copy_location(ast.Tuple(sides, ast.Load()) if len(sides) > 1 else sides[0], word)  # type: ignore[arg-type]


def _callee(func: ast.expr, module: ModuleCode) -> str:
    match func:
        case ast.Name(id=name):
            return f"{NN}{name}" if name not in module.classes and torch_layers.parameters(name) is not None else name
        case ast.Attribute(value=ast.Name(id="nn"), attr=name):
            return f"{NN}{name}"
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="torch"), attr="nn"), attr=name):
            return f"{NN}{name}"
    raise CallError(f"`{ast.unparse(func)}` is no class that can be read here")


def parameters_of(callee: str, module: ModuleCode) -> dict[str, ast.expr | None]:
    """The parameters of a constructor with their defaults. Raises CallError where it is not known."""
    if callee.startswith(NN):
        known = torch_layers.parameters(callee.removeprefix(NN))
        if known is None:
            raise CallError(f"`{callee}` is no layer that Netloom has a block for")
        return known
    code = module.classes.get(callee)
    if code is None:
        raise CallError(f"there is no class `{callee}` here, and no block of that name")
    if not code.constructed and (layer := layer_of(callee, module)):
        return torch_layers.parameters(layer) or {}
    return {name: code.defaults.get(name) for name in code.parameters}


def layer_of(callee: str, module: ModuleCode) -> str:
    """The layer of torch whose constructor a class has: it is that layer, or inherits it; "" where it has its own."""
    if callee.startswith(NN):
        return callee.removeprefix(NN)
    code = module.classes.get(callee)
    if code is None or code.constructed or len(code.node.bases) != 1:
        return ""
    base = ast.unparse(code.node.bases[0])
    return base.removeprefix(NN) if torch_layers.parameters(base.removeprefix(NN)) is not None else ""


def _repeated(value: ast.Call, holder: str, module: ModuleCode) -> Call:
    """Modules of one class in a row: `nn.Sequential(*[Block() for _ in range(3)])`, or each written out."""
    wrong = CallError("of a list of modules only those of one class can be read: `[CLASS(...) for _ in range(N)]`")
    if value.keywords or not value.args:
        raise wrong
    parts: list[ast.expr] = []
    for argument in value.args:
        inner = argument.value if isinstance(argument, ast.Starred) else argument
        parts += inner.elts if isinstance(inner, ast.List | ast.Tuple) else [inner]
    calls: list[Call] = []
    counts: list[ast.expr] = []
    for part in parts:
        part = part.value if isinstance(part, ast.Starred) else part
        count: ast.expr = ast.Constant(1)
        match part:
            case ast.ListComp(elt=made, generators=[loop]) | ast.GeneratorExp(elt=made, generators=[loop]):
                match loop:
                    case ast.comprehension(iter=ast.Call(func=ast.Name(id="range"), args=[times]), ifs=[]):
                        part, count = made, times
                    case _:
                        raise wrong
        calls.append(call_of(part, module))
        counts.append(count)
    if any(call.callee != calls[0].callee or call.repeat is not None for call in calls):
        raise wrong
    repeat = counts[0]
    if len(counts) > 1:
        numbers = [_constant(count) for count in counts]
        repeat = ast.Constant(sum(n for n in numbers if isinstance(n, int)))
    others = {ast.dump(call_node): call for call, call_node in zip(calls[1:], parts[1:], strict=True)}
    return calls[0]._replace(repeat=repeat, holder=holder, others=tuple(others.values()))


# arguments as settings ------------------------------------------------------------------------------------------------


def setting_for(layer: str, parameter: str, settings: Mapping[str, Setting]) -> Setting | None:
    """The setting that an argument of a class is, where that is a `layer` of torch; None where it is none."""
    return settings.get(torch_layers.SETTINGS.get((layer, parameter), parameter))


def value_of(node: ast.expr, names: Collection[str] = ()) -> SettingValue:
    """A value as a setting has it; arithmetic with `names`, which a Group exposes, as an Expression. Raises
    CallError."""
    if any(isinstance(part, ast.Name) for part in ast.walk(node)):
        if isinstance(node, ast.Tuple | ast.List):
            return tuple(value_of(part, names) for part in node.elts)
        text = ast.unparse(node)
        unknown = [part.id for part in ast.walk(node) if isinstance(part, ast.Name) and part.id not in names]
        if unknown:
            raise CallError(f"`{unknown[0]}` is no number, and nothing that this Group exposes")
        try:
            parse(text)
        except ExpressionError as error:
            raise CallError(f"`{text}` cannot be worked out: {error}") from None
        return Expression(text)
    return _constant(node)


def _constant(node: ast.expr) -> SettingValue:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            number = _constant(operand)
            if isinstance(number, int | float) and not isinstance(number, bool):
                return -number
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return tuple(_constant(part) for part in parts)
        case ast.BinOp(left=left, op=op, right=right):
            one, other = _constant(left), _constant(right)
            if _number(one) and _number(other):
                return _worked(one, op, other)  # type: ignore[arg-type]
    raise CallError(f"`{ast.unparse(node)[:60]}` is no value that a setting can have")


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53


def _worked(one: float, op: ast.operator, other: float) -> float:
    """Arithmetic of two numbers, as one writes it for sizes."""
    match op:
        case ast.Add():
            return one + other
        case ast.Sub():
            return one - other
        case ast.Mult():
            return one * other
        case ast.FloorDiv() if other:
            return one // other
        case ast.Div() if other:
            return one / other
    raise CallError("only sums, differences, products and quotients of numbers can be read")


def is_size(layer: str, parameter: str, reads: Collection[str]) -> bool:
    """Whether an argument follows from what comes in over the wires."""
    return parameter in reads or (bool(layer) and parameter in torch_layers.SIZES)
