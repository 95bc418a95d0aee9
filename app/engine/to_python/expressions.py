"""Expressions of Python's syntax tree as documents, in the manner of ruff format."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from app.engine.to_python.documents import SOFT, Choice, Document, Group, Indent, Line, separated

OPERATORS: dict[type[ast.AST], tuple[str, int]] = {
    ast.BitOr: ("|", 7), ast.BitXor: ("^", 8), ast.BitAnd: ("&", 9), ast.LShift: ("<<", 10), ast.RShift: (">>", 10),
    ast.Add: ("+", 11), ast.Sub: ("-", 11), ast.Mult: ("*", 12), ast.Div: ("/", 12), ast.FloorDiv: ("//", 12),
    ast.Mod: ("%", 12), ast.MatMult: ("@", 12), ast.Pow: ("**", 14),
}  # fmt: skip
_UNARY = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~"}
_COMPARE: dict[type[ast.AST], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Is: "is",
    ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
LONG = 80
"""Columns of a text from which on it may stand in several pieces."""
TEST, OR, AND, NOT, COMPARE, ARITHMETIC, UNARY, POWER, AWAIT, ATOM = 1, 3, 4, 5, 6, 7, 13, 14, 15, 16


def document(node: ast.expr, level: int = 0) -> Document:
    """The expression; in parentheses where what stands around binds closer than `level`."""
    made, own = _made(node)
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.Compare | ast.IfExp):
        made = Group(made)
    return ["(", made, ")"] if own < level else made


def flat(node: ast.expr) -> str:
    """The expression on one line."""
    return _flatten(document(node))


def _flatten(piece: Document) -> str:
    match piece:
        case str():
            return piece
        case Line(text) | Choice(_, text):
            return text
        case Group(body) | Indent(body):
            return _flatten(body)
    return "".join(map(_flatten, piece))  # type: ignore[arg-type]


def statement(before: Document, node: ast.expr, after: str = "") -> Document:
    """An expression behind `before`, in parentheses of its own where it has to be broken and has no brackets."""
    made, _ = _made(node)
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.Compare | ast.IfExp | ast.UnaryOp | ast.Lambda | ast.Attribute):
        body: Document = [Choice("("), Indent([SOFT, Group(made)]), SOFT, Choice(")")]
        return Group([before, body, after])
    if isinstance(node, ast.Constant | ast.Name):
        return [before, made, after]
    return [before, Group(made), after]


def _made(node: ast.expr) -> tuple[Document, int]:
    match node:
        case ast.Constant(value=value):
            return constant(value), ATOM
        case ast.Name(id=name):
            return name, ATOM
        case ast.Attribute(value=value, attr=attr):
            inner = document(value, ATOM)
            number = isinstance(value, ast.Constant) and isinstance(value.value, int)
            return [["(", inner, ")"] if number else inner, f".{attr}"], ATOM
        case ast.Call():
            return [document(node.func, ATOM), _call(node)], ATOM
        case ast.Subscript(value=value, slice=index):
            return [document(value, ATOM), Group(["[", Indent([SOFT, _index(index)]), SOFT, "]"])], ATOM
        case ast.Slice():
            return _slice(node), 0
        case ast.Tuple(elts=parts):
            if len(parts) == 1:
                return ["(", document(parts[0], TEST), ",)"], ATOM
            return _display("(", parts, ")"), ATOM
        case ast.List(elts=parts):
            return _display("[", parts, "]"), ATOM
        case ast.Set(elts=parts):
            return _display("{", parts, "}"), ATOM
        case ast.Dict(keys=keys, values=values):
            pairs: list[Document] = [
                ["**", document(v, ATOM)] if k is None else [document(k, TEST), ": ", document(v, TEST)]
                for k, v in zip(keys, values, strict=True)
            ]
            return _rows("{", pairs, "}"), ATOM
        case ast.GeneratorExp():
            return Group(["(", Indent([SOFT, Group(_loops(node))]), SOFT, ")"]), ATOM
        case ast.ListComp():
            return Group(["[", Indent([SOFT, Group(_loops(node))]), SOFT, "]"]), ATOM
        case ast.SetComp():
            return Group(["{", Indent([SOFT, Group(_loops(node))]), SOFT, "}"]), ATOM
        case ast.DictComp(key=key, value=value, generators=loops):
            pair: Document = [document(key, TEST), ": ", document(value, TEST), _for(loops)]
            return Group(["{", Indent([SOFT, Group(pair)]), SOFT, "}"]), ATOM
        case ast.Starred(value=value):
            return ["*", document(value, ARITHMETIC)], 0
        case ast.BinOp(left=left, op=op, right=right):
            sign, own = OPERATORS[type(op)]
            if isinstance(op, ast.Pow):
                tight = _simple(left) and _simple(right)
                return [document(left, own + 1), "**" if tight else " ** ", document(right, own - 1)], own
            same = isinstance(left, ast.BinOp) and OPERATORS[type(left.op)][1] == own
            first = _made(left)[0] if same else document(left, own)
            return [first, Line(), f"{sign} ", document(right, own + 1)], own
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ["not ", document(operand, NOT)], NOT
        case ast.UnaryOp(op=op, operand=operand):
            power = isinstance(operand, ast.BinOp) and isinstance(operand.op, ast.Pow)
            return [_UNARY[type(op)], document(operand, ATOM if power else UNARY)], UNARY
        case ast.BoolOp(op=op, values=values):
            word, own = ("and", AND) if isinstance(op, ast.And) else ("or", OR)
            parts_: list[Document] = [document(values[0], own + 1)]
            for value in values[1:]:
                parts_ += [Line(), f"{word} ", document(value, own + 1)]
            return parts_, own
        case ast.Compare(left=left, ops=ops, comparators=others):
            made: list[Document] = [document(left, COMPARE + 1)]
            for sign_, other in zip(ops, others, strict=True):
                made += [Line(), f"{_COMPARE[type(sign_)]} ", document(other, COMPARE + 1)]
            return made, COMPARE
        case ast.IfExp(test=test, body=body, orelse=orelse):
            last = _made(orelse)[0] if isinstance(orelse, ast.IfExp) else document(orelse, TEST)
            chosen: list[Document] = [document(body, TEST + 1), Line(), "if ", document(test, TEST + 1)]
            return [*chosen, Line(), "else ", last], TEST
        case ast.Lambda(args=args, body=body):
            names = ", ".join(a.arg for a in args.args)
            return [f"lambda {names}: " if names else "lambda: ", document(body, TEST)], TEST
        case ast.NamedExpr(target=target, value=value):
            return [document(target), " := ", document(value, TEST)], 0
        case ast.Yield(value=value):
            return ["yield", *([" ", document(value)] if value is not None else [])], 0
        case ast.JoinedStr():
            return _formatted(node), ATOM
    raise NotImplementedError(f"{type(node).__name__} has no form here")


def _formatted(node: ast.JoinedStr) -> str:
    text = ""
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += string(str(part.value))[1:-1].replace("{", "{{").replace("}", "}}")
        elif isinstance(part, ast.FormattedValue):
            spec = _formatted(part.format_spec)[2:-1] if isinstance(part.format_spec, ast.JoinedStr) else ""
            sign = "" if part.conversion < 0 else f"!{chr(part.conversion)}"
            text += "{" + flat(part.value) + sign + (f":{spec}" if spec else "") + "}"
    return f'f"{text}"' if '"' not in text else ast.unparse(node)


def constant(value: object) -> str:
    """A constant as it stands in code."""
    if isinstance(value, str):
        return string(value)
    if isinstance(value, float):
        text = repr(value)
        return text.replace("e-0", "e-").replace("e+", "e") if "e" in text else text
    return "..." if value is ... else repr(value)


def string(text: str) -> str:
    """A text between double quotes, unless it holds more of them than of single ones."""
    shown = repr(text)
    if shown[0] == '"':
        return shown
    inner = shown[1:-1]
    if '"' in inner:
        return shown if "\\'" not in inner else '"' + inner.replace("\\'", "'").replace('"', '\\"') + '"'
    return f'"{inner}"'


def _simple(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
        node = node.operand
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) or (isinstance(node, ast.Constant) and isinstance(node.value, int | float))


def _text(node: ast.expr) -> Document | None:
    """A long text, which stands in several pieces below each other where it has no room; None for all else."""
    if not (isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))):
        return None
    whole = flat(node)
    if len(whole) <= LONG:
        return None
    pieces: list[list[ast.expr]] = [[]]  # a space ends the piece before it
    for part in node.values if isinstance(node, ast.JoinedStr) else [node]:
        words = re.split(r"(?<= )(?=\S)", str(part.value)) if isinstance(part, ast.Constant) else []
        for i, piece in enumerate(map(ast.Constant, words) if words else [part]):
            if i and len(flat(ast.JoinedStr([*pieces[-1], piece]))) > LONG:
                pieces.append([])
            pieces[-1].append(piece)
    shown: list[Document] = [Choice(_piece(pieces[0]), whole)]
    for each in pieces[1:]:
        shown += [SOFT, Choice(_piece(each))]
    return Group(shown)


def _piece(parts: list[ast.expr]) -> str:
    """Part of a text as a text of its own."""
    if all(isinstance(part, ast.Constant) for part in parts):
        return string("".join(str(part.value) for part in parts))  # type: ignore[attr-defined]
    return flat(ast.JoinedStr(parts))


def _call(node: ast.Call) -> Document:
    parts: list[Document] = []
    for argument in node.args:
        if isinstance(argument, ast.GeneratorExp) and len(node.args) == 1 and not node.keywords:
            return Group(["(", Indent([SOFT, Group(_loops(argument))]), SOFT, ")"])
        parts.append(_text(argument) or document(argument, 0 if isinstance(argument, ast.Starred) else TEST))
    for keyword in node.keywords:
        value = document(keyword.value, TEST)
        parts.append(["**", value] if keyword.arg is None else [f"{keyword.arg}=", value])
    if not parts:
        return "()"
    return Group(["(", Indent([SOFT, Group(_joined(parts, len(parts) > 1))]), SOFT, ")"])


def _joined(parts: Sequence[Document], comma: bool = True) -> list[Document]:
    return [*separated(parts), Choice(",")] if comma else separated(parts)


def _rows(opening: str, parts: Sequence[Document], closing: str) -> Document:
    if not parts:
        return opening + closing
    return Group([opening, Indent([SOFT, *_joined(parts)]), SOFT, closing])


def _display(opening: str, parts: list[ast.expr], closing: str) -> Document:
    return _rows(opening, [document(p, 0 if isinstance(p, ast.Starred) else TEST) for p in parts], closing)


def _loops(node: ast.GeneratorExp | ast.ListComp | ast.SetComp) -> Document:
    return [document(node.elt, TEST), _for(node.generators)]


def _for(loops: list[ast.comprehension]) -> Document:
    made: list[Document] = []
    for loop in loops:
        made += [Line(), "for ", targets(loop.target), " in ", document(loop.iter, OR)]
        for test in loop.ifs:
            made += [Line(), "if ", document(test, OR)]
    return made


def targets(node: ast.expr) -> Document:
    """What is assigned to: a tuple has no parentheses."""
    if isinstance(node, ast.Tuple) and len(node.elts) > 1:
        return separated([document(part) for part in node.elts], (", ",))
    return document(node)


def _index(node: ast.expr) -> Document:
    if isinstance(node, ast.Tuple) and node.elts and not any(isinstance(p, ast.Starred) for p in node.elts):
        if len(node.elts) == 1:
            return [document(node.elts[0]), ","]
        return _joined([document(part) for part in node.elts], comma=True)
    return document(node)


def _slice(node: ast.Slice) -> Document:
    given = [part for part in (node.lower, node.upper, node.step) if part is not None]
    plain = all(isinstance(p, ast.Name | ast.Constant) or _negative(p) for p in given)
    space = "" if plain else " "
    made: list[Document] = []
    if node.lower is not None:
        made += [document(node.lower), space]
    made.append(":")
    if node.upper is not None:
        made += [space, document(node.upper)]
    if node.step is not None:
        if node.upper is not None:
            made.append(space)
        made += [":", space, document(node.step)]
    return made


def _negative(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant | ast.Name)
