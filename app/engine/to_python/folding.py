"""A method as the modules at hand run it: tests whose outcome is known are decided, short loops unrolled, methods of
one expression put in place, and attributes that are the same number everywhere written as that number."""

from __future__ import annotations

import ast
import builtins
import copy
import sys
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from app.engine.to_python.known import UNKNOWN, Known, is_short, literal, truth
from app.engine.to_python.record import is_torch
from app.engine.to_python.sources import class_of
from app.engine.to_python.statements import is_docstring
from app.engine.to_python.trees import (
    asked_for,
    assigned,
    calls,
    is_name,
    is_one,
    like,
    merged,
    negated,
    required,
    shortened,
    stripped,
    stripped_end,
    tidied,
    told,
    uncounted,
    uses,
    without,
)

"""Columns up to which calls are put into one another."""
_SIMPLE = (ast.Name, ast.Constant)

Inline = Callable[[str, list[ast.expr]], ast.expr | None]
"""What a call of the submodule of that name becomes; None: it stays."""


class CannotFoldError(ValueError):
    """A method that is not understood well enough to be changed."""


def method_of(cls: type, name: str, after: type | None = None) -> tuple[ast.FunctionDef, type] | None:
    """The method as it is written and its class; None where it is torch's. `after`: as `super()` in that class sees."""
    order = cls.__mro__[cls.__mro__.index(after) + 1 :] if after else cls.__mro__
    for owner in order:
        if name in vars(owner):
            if is_torch(owner) or owner is object:
                return None
            for node in class_of(owner).body:
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    return copy.deepcopy(node), owner
            raise CannotFoldError(f"{owner.__name__}.{name} is not written as a method")
    return None


class Folder(Known):
    """Folds methods of modules of one class."""

    def __init__(self, modules: Sequence[nn.Module], inline: Inline, plain_none: set[str] | None = None) -> None:
        super().__init__(modules)
        self.inline = inline
        self.cls = type(modules[0])
        self.kept_none: set[str] = set(plain_none or ())
        """Submodules whose absence the code asks for."""
        self.identities: set[str] = set()
        """Submodules that are an identity where they are absent."""
        self.methods: dict[str, ast.FunctionDef] = {}
        self.attributes: dict[str, None] = {}
        """The attributes that the folded methods use, in order."""
        self._depth = 0
        self._parts: set[str] = set()
        """Names that stand for a module of a list."""

    def fold(self, name: str, unused: Sequence[str] = (), always: Sequence[str] = ()) -> ast.FunctionDef:
        """The method, folded, without the parameters `unused`, which have their defaults; those in `always` are never
        None."""
        found = method_of(self.cls, name)
        if found is None:
            raise CannotFoldError(f"{self.cls.__name__} has torch's own {name}")
        node, owner = found
        known: dict[str, ast.expr] = {}
        node.args, dropped = without(node.args, unused)
        known.update(dropped)
        body = node.body[1:] if is_docstring(node.body[0]) else node.body
        doc = node.body[:1] if is_docstring(node.body[0]) and name != "forward" else []
        node.decorator_list = [d for d in node.decorator_list if ast.unparse(d) in ("staticmethod",)]
        written = {n for s in body for n in assigned(s)}
        before, self.always = self.always, {n for n in always if n not in written}
        node.args = required(node.args, self.always)
        node.body = doc + (merged(tidied(merged(tidied(self._body(body, known, owner))))) or [ast.Pass()])
        self.always = before
        self._note(node)
        return node

    # statements -------------------------------------------------------------------------------------------------------

    def _body(self, body: Sequence[ast.stmt], known: dict[str, ast.expr], owner: type) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for node in body:
            made += self._statement(node, known, owner)
            if made and isinstance(made[-1], ast.Return | ast.Raise | ast.Continue | ast.Break):
                break
        return made

    def _statement(self, node: ast.stmt, known: dict[str, ast.expr], owner: type) -> list[ast.stmt]:
        match node:
            case ast.If(test=test):
                return self._if(node, self.expr(test, known, owner), known, owner)
            case ast.For(target=ast.Name(id=name), iter=iter, body=body, orelse=[]):
                over = self.expr(iter, known, owner)
                parts = over.elts if isinstance(over, ast.Tuple | ast.List) else None
                if parts is not None and not any(isinstance(p, ast.Starred) for p in parts) and len(parts) <= 8:
                    made: list[ast.stmt] = []
                    for part in parts:
                        made += self._body(copy.deepcopy(body), {**known, name: part}, owner)
                    return made
                if isinstance(over, ast.Attribute):
                    self._parts.add(name)
                elif isinstance(over, ast.Name) and over.id in self._parts:  # a list of modules in one of modules
                    node.beside = "# type: ignore[attr-defined]"  # type: ignore[attr-defined]
                inside = {k: v for k, v in known.items() if k != name}
                loop = ast.For(node.target, over, self._body(body, inside, owner) or [ast.Pass()], [])
                return [like(node, loop)]
            case ast.For() | ast.While() | ast.With():
                new = copy.copy(node)
                for field in ("iter", "test"):
                    if hasattr(new, field):
                        setattr(new, field, self.expr(getattr(new, field), known, owner))
                if isinstance(new, ast.With):
                    held = [(self.expr(i.context_expr, known, owner), i.optional_vars) for i in new.items]
                    new.items = [ast.withitem(*each) for each in held]
                inside = {k: v for k, v in known.items() if k not in assigned(node)}
                new.body = self._body(node.body, inside, owner) or [ast.Pass()]
                return [uncounted(new) if isinstance(new, ast.For) else new]
            case ast.Assign(targets=[target], value=ast.Call() as call):
                inlined = self._inlined(call, known, owner)
                if inlined is not None:
                    *before, last = inlined
                    assert isinstance(last, ast.Return) and last.value is not None
                    return [*before, *shortened(like(node, ast.Assign([target], last.value)))]
            case ast.Expr(value=ast.Call() as call) if (found := self._target(call, owner)) is not None:
                checks = found[0].body[1:] if is_docstring(found[0].body[0]) else found[0].body
                if all(isinstance(s, ast.If) and all(isinstance(r, ast.Raise) for r in s.body) for s in checks):
                    return []
            case ast.Return(value=ast.Call() as call):
                inlined = self._inlined(call, known, owner, last=True)
                if inlined is not None:
                    return inlined
        new = copy.copy(node)  # type: ignore[assignment]
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.expr) and field != "annotation":
                setattr(new, field, self.expr(value, known, owner))
            elif isinstance(value, list):
                setattr(new, field, [self.expr(v, known, owner) if isinstance(v, ast.expr) else v for v in value])
        for name in assigned(new):
            known.pop(name, None)
        return shortened(new)

    def _if(self, node: ast.If, test: ast.expr, known: dict[str, ast.expr], owner: type) -> list[ast.stmt]:
        outcome = truth(self.known(test))
        if outcome is not UNKNOWN:
            return self._body(node.body if outcome else node.orelse, known, owner)
        if not node.orelse and all(isinstance(s, ast.Raise) for s in node.body):
            return []  # what is written runs on what it was made for
        absent = asked_for(test)
        if absent is not None and self._mixed(absent[0]) and absent[0] not in self.kept_none:
            name, present = absent
            match (node.body if present else node.orelse, node.orelse if present else node.body):
                case [ast.Assign(targets=[ast.Name(id=x)], value=value) as only], []:
                    made = self.expr(value, known, owner)
                    if calls(made, name, x):
                        self.identities.add(name)
                        return [like(only, ast.Assign([ast.Name(x, ast.Store())], made))]
            self.kept_none.add(name)
        branches = [self._body(part, dict(known), owner) for part in (node.body, node.orelse)]
        for name in assigned(node):
            known.pop(name, None)
        if not branches[0] and not branches[1]:
            return []
        if not branches[0]:
            return [like(node, ast.If(negated(test), branches[1], []))]
        return [like(node, ast.If(test, branches[0], branches[1]))]

    def _mixed(self, name: str) -> bool:
        """Whether some modules have this submodule and others None."""
        found = self.values(name)
        return len(found) == len(self.modules) and all(v is None or isinstance(v, nn.Module) for v in found)

    # methods ----------------------------------------------------------------------------------------------------------

    def _target(self, call: ast.Call, owner: type) -> tuple[ast.FunctionDef, type] | None:
        """The method of ours that the call runs."""
        match call.func:
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                if all(name not in m._modules for m in self.modules) and callable(getattr(self.cls, name, None)):
                    return method_of(self.cls, name)
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super"), args=[]), attr=name):
                return method_of(self.cls, name, owner)
        return None

    def _bound(
        self, call: ast.Call, method: ast.FunctionDef, known: dict[str, ast.expr], owner: type
    ) -> dict[str, ast.expr] | None:
        """The method's parameters as the call gives them; None where that is not plain."""
        names = [a.arg for a in method.args.args]
        static = any(ast.unparse(d) == "staticmethod" for d in method.decorator_list)
        names = names if static else names[1:]
        if method.args.vararg or method.args.kwarg or method.args.kwonlyargs:
            return None
        if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
            return None
        given = dict(zip(names, (self.expr(a, known, owner) for a in call.args), strict=False))
        given |= {str(k.arg): self.expr(k.value, known, owner) for k in call.keywords}
        defaults = dict(zip(reversed(names), reversed(method.args.defaults), strict=False))
        bound = {n: given.get(n, defaults.get(n)) for n in names}
        return None if any(v is None for v in bound.values()) else bound  # type: ignore[return-value]

    def _inlined(
        self, call: ast.Call, known: dict[str, ast.expr], owner: type, *, last: bool = False
    ) -> list[ast.stmt] | None:
        """The statements of a method in place of its call, a Return last; None where they cannot stand there. After the
        `last` one nobody reads any name."""
        found = self._target(call, owner)
        if found is None or self._depth > 6:
            return None
        method, its = found
        bound = self._bound(call, method, known, owner)
        if bound is None:
            return None
        body = method.body[1:] if is_docstring(method.body[0]) else method.body
        written = {n for s in body for n in assigned(s)}
        before: list[ast.Assign] = []
        inside: dict[str, ast.expr] = {}
        for name, value in bound.items():
            if is_name(value, ast.Name(name)):
                continue
            plain = isinstance(value, ast.Constant) or (isinstance(value, ast.Name) and value.id not in written)
            if plain and name not in written:
                inside[name] = value
            elif name in known or (name in written and not last):
                return None
            else:
                before.append(ast.Assign([ast.Name(name, ast.Store())], value))
        # what is read under a name comes before the name is given anew
        reads = {id(s): {n.id for n in ast.walk(s.value) if isinstance(n, ast.Name)} for s in before}
        gives = {id(s): assigned(s) for s in before}
        before = sorted(before, key=lambda s: any(gives[id(s)] & reads[id(o)] for o in before if o is not s))
        for k, late in enumerate(before):
            if any(gives[id(early)] & reads[id(late)] for early in before[:k]):
                return None
        self._depth += 1
        try:
            made = self._body(body, inside, its)
        finally:
            self._depth -= 1
        returns = [n for s in made for n in ast.walk(s) if isinstance(n, ast.Return)]
        if not made or not isinstance(made[-1], ast.Return) or len(returns) != 1 or made[-1].value is None:
            return None
        return [*before, *made]

    # expressions ------------------------------------------------------------------------------------------------------

    def expr(self, node: ast.expr, known: dict[str, ast.expr], owner: type) -> ast.expr:
        """The expression, folded."""
        made = self._expr(node, known, owner)
        weight = isinstance(made, ast.Attribute) and any(made.attr in m._parameters for m in self.modules)
        if not isinstance(made, ast.Constant | ast.Name | ast.Lambda | ast.List | ast.Tuple) and not weight:
            value = self.known(made)
            if value is not UNKNOWN and is_short(value):
                return literal(value)
        return made

    def _expr(self, node: ast.expr, known: dict[str, ast.expr], owner: type) -> ast.expr:
        match node:
            case ast.Name(id=name, ctx=ast.Load()) if name in known:
                return copy.deepcopy(known[name])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                asked = self.expr(test, known, owner)
                outcome = truth(self.known(asked))
                if outcome is not UNKNOWN:
                    return self.expr(body if outcome else orelse, known, owner)
                a, b = self.expr(body, known, owner), self.expr(orelse, known, owner)
                absent = asked_for(asked)
                if absent is not None and self._mixed(absent[0]) and absent[0] not in self.kept_none:
                    name, present = absent
                    called, plain = (a, b) if present else (b, a)
                    if calls(called, name, plain):
                        self.identities.add(name)
                        return called
                    self.kept_none.add(name)
                return a if ast.dump(a) == ast.dump(b) else ast.IfExp(asked, a, b)
            case ast.BoolOp(op=op, values=parts):
                kept: list[ast.expr] = []
                neutral = isinstance(op, ast.And)
                for part in parts:
                    made = self.expr(part, known, owner)
                    outcome = truth(self.known(made))
                    if outcome is neutral:
                        continue
                    kept.append(made)
                    if outcome is (not neutral):
                        break
                if not kept:
                    return ast.Constant(neutral)
                return kept[0] if len(kept) == 1 else ast.BoolOp(op, kept)
            case ast.Call():
                return self._call(node, known, owner)
            case ast.BinOp(left=left, op=ast.Mult(), right=right) if is_one(self.known(self.expr(left, known, owner))):
                return self.expr(right, known, owner)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp() | ast.DictComp():
                return self._comprehension(node, known, owner)
        new = copy.copy(node)
        if isinstance(node, ast.JoinedStr):
            said = [self._said(part, known, owner) for part in node.values]
            if None not in said:
                return ast.Constant("".join(map(str, said)))
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                setattr(new, field, self.expr(value, known, owner))
            elif isinstance(value, list):
                setattr(new, field, [self.expr(v, known, owner) if isinstance(v, ast.expr) else v for v in value])
        return new

    def _said(self, part: ast.expr, known: dict[str, ast.expr], owner: type) -> Any:
        """What stands in the place of a piece of an f-string, where that is sure."""
        if isinstance(part, ast.Constant):
            return part.value
        if isinstance(part, ast.FormattedValue) and part.conversion < 0 and part.format_spec is None:
            value = self.known(self.expr(part.value, known, owner))
            return str(value) if isinstance(value, int | str) else None
        return None

    def _comprehension(self, node: Any, known: dict[str, ast.expr], owner: type) -> ast.expr:
        inside = dict(known)
        new = copy.deepcopy(node)
        for loop in new.generators:
            loop.iter = self.expr(loop.iter, inside, owner)
            for name in ast.walk(loop.target):
                if isinstance(name, ast.Name):
                    inside.pop(name.id, None)
            loop.ifs = [self.expr(test, inside, owner) for test in loop.ifs]
        single = len(new.generators) == 1 and not new.generators[0].ifs and isinstance(new, ast.ListComp)
        count = self.known(new.generators[0].iter) if single else UNKNOWN
        if isinstance(count, range) and len(count) <= 4 and isinstance(new.generators[0].target, ast.Name):
            number = new.generators[0].target.id
            rounds = [{**inside, number: ast.Constant(k)} for k in count]
            return ast.List([self.expr(new.elt, values, owner) for values in rounds], ast.Load())
        if single and (each := self._single(new.generators[0])) is not None:
            return ast.List([self.expr(new.elt, {**inside, **each}, owner)], ast.Load())
        for part in ("elt", "key", "value"):
            if hasattr(new, part):
                setattr(new, part, self.expr(getattr(new, part), inside, owner))
        return new

    def _single(self, loop: ast.comprehension) -> dict[str, ast.expr] | None:
        """What the loop's names are where it runs once: over lists of modules that hold one."""
        match loop:
            case ast.comprehension(
                target=ast.Tuple(elts=names), iter=ast.Call(func=ast.Name(id="zip"), args=rows)
            ) if len(names) == len(rows):
                pass
            case ast.comprehension(target=ast.Name() as only, iter=row):
                names, rows = [only], [row]
            case _:
                return None
        found: dict[str, ast.expr] = {}
        for name, row in zip(names, rows, strict=True):
            match row:
                case ast.Attribute(value=ast.Name(id="self"), attr=attr) if isinstance(name, ast.Name) and all(
                    isinstance(v, nn.ModuleList) and len(v) == 1 for v in self.values(attr)
                ):
                    found[name.id] = ast.Subscript(row, ast.Constant(0), ast.Load())
                case _:
                    return None
        return found

    def _call(self, node: ast.Call, known: dict[str, ast.expr], owner: type) -> ast.expr:
        args = [self.expr(a, known, owner) for a in node.args]
        keywords = told([ast.keyword(k.arg, self.expr(k.value, known, owner)) for k in node.keywords])
        match node.func:
            case ast.Attribute(value=ast.Name(id="self"), attr="get_parameter") if isinstance(args[0], ast.Constant):
                return ast.Attribute(ast.Name("self", ast.Load()), str(args[0].value), ast.Load())
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                found = self._target(node, owner)
                if found is None:
                    args, keywords = stripped(args, keywords)
                    if not keywords and (made := self.inline(name, args)) is not None:
                        return made
                    return ast.Call(node.func, args, keywords)
                method, its = found
                body = method.body[1:] if is_docstring(method.body[0]) else method.body
                bound = self._bound(node, method, known, owner)
                match body:
                    case [ast.Return(value=value)] if bound is not None and value is not None and self._depth < 6:
                        counts = uses(value, bound)
                        if all(isinstance(v, _SIMPLE) or counts[n] <= 1 for n, v in bound.items()):
                            self._depth += 1
                            try:
                                return self.expr(value, bound, its)
                            finally:
                                self._depth -= 1
                if name not in self.methods:
                    self.methods[name] = method  # so that it ends where methods call one another
                    self.methods[name] = self.fold(name)
                return ast.Call(node.func, args, keywords)
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super"), args=[]), attr=name):
                found = self._target(node, owner)
                if found is None:
                    return ast.Call(node.func, args, keywords)
                body = found[0].body[1:] if is_docstring(found[0].body[0]) else found[0].body
                bound = self._bound(node, found[0], known, owner)
                match body:
                    case [ast.Return(value=value)] if bound is not None and value is not None:
                        counts = uses(value, bound)
                        if all(isinstance(v, _SIMPLE) or counts[n] <= 1 for n, v in bound.items()):
                            return self.expr(value, bound, found[1])
                raise CannotFoldError(f"{self.cls.__name__} calls a method of the class above")
            case ast.Subscript(
                value=ast.Attribute(value=ast.Name(id="self"), attr=row), slice=ast.Constant(value=int(k))
            ):
                args, keywords = stripped(args, keywords)
                if not keywords and (made := self.inline(f"{row}.{k}", args)) is not None:
                    return made
                return ast.Call(node.func, args, keywords)
            case ast.Name(id=name) if name in known and not isinstance(known[name], ast.Name):
                return self._call(ast.Call(copy.deepcopy(known[name]), node.args, node.keywords), known, owner)
            case ast.Attribute(value=ast.Name(id="F"), attr="cross_entropy"):
                args = stripped_end(args)
            case ast.Name(id="reduce") if len(args) == 2 and isinstance(args[1], ast.List) and len(args[1].elts) == 1:
                return args[1].elts[0]
            case ast.Name(id=name) if not hasattr(sys.modules[owner.__module__], name) and not hasattr(builtins, name):
                args, keywords = stripped(args, keywords)
        return ast.Call(self.expr(node.func, known, owner), args, keywords)

    def _note(self, node: ast.FunctionDef) -> None:
        for each in ast.walk(node):
            match each:
                case ast.Attribute(value=ast.Name(id="self"), attr=name) if name not in self.methods:
                    self.attributes[name] = None
