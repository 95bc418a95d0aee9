"""The classes of a drawing's modules: written for what these modules are, or copied as they stand."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Sequence
from typing import Any

from torch import nn

from app.engine.to_python import weights
from app.engine.to_python.asking import (
    attributes_of,
    base_parameters,
    canonical,
    default_of,
    hands_on,
    in_order,
    inside_of,
    is_default,
    is_identity,
    is_simple,
    spread,
    storable,
    summary,
    torch_forward,
)
from app.engine.to_python.copying import Module
from app.engine.to_python.explain import Env, parse
from app.engine.to_python.expressions import flat
from app.engine.to_python.folding import CannotFoldError, Folder, method_of
from app.engine.to_python.known import UNKNOWN
from app.engine.to_python.record import Recorder, is_torch, signature_of
from app.engine.to_python.shaping import (
    EMPTY,
    CannotShapeError,
    Constructor,
    Make,
    Parameter,
    Row,
    annotation,
    is_scalar,
)
from app.engine.to_python.torch_layers import NoFormError, arguments_of_layer, parameters_of, torch_base
from app.engine.to_python.trees import substituted, uses
from blocks.code import Code
from blocks.declare import CARDS

CANNOT = (CannotFoldError, CannotShapeError, NoFormError, OSError, NotImplementedError, SyntaxError)
_CONTAINERS = (nn.Sequential, nn.ModuleList)
_INLINE, _LONGEST = 72, 100
OWN = "own_blocks"


class Classes:
    """Writes a class for each class of the modules given, those of torch left out."""

    def __init__(self, recorder: Recorder, module: Module) -> None:
        self.recorder, self.module = recorder, module
        self.shapes: dict[str, list[Parameter]] = {}
        """Name of a class that is written -> its parameters."""
        self.failed: dict[str, str] = {}
        """Classes copied as they stand, and why."""
        self._made: dict[int, Make | Row] = {}
        self._inlined_from: list[str] = []
        self._kept: list[nn.Module] = []

    def write(self, roots: Sequence[nn.Module]) -> None:
        """Write the classes of all modules inside `roots`, those that others need first."""
        groups: dict[type, list[nn.Module]] = {}
        for root in roots:
            for module in root.modules():
                if not is_torch(type(module)) and id(module) not in self._made:
                    group = groups.setdefault(type(module), [])
                    if all(m is not module for m in group):
                        group.append(module)
        for cls in in_order(groups):
            self._group(cls, groups[cls])

    def value(self, module: nn.Module | None) -> Make | Row | None:
        """The module as the call that makes it."""
        if module is None:
            return None
        if id(module) not in self._made:
            self._made[id(module)] = self._torch(module, type(module))
            self._kept.append(module)
        return self._made[id(module)]

    def modules_seen(self) -> list[str]:
        """The modules from which expressions were put in place since the last class."""
        found, self._inlined_from = self._inlined_from, []
        return found

    def _torch(self, module: nn.Module, base: type) -> Make | Row:
        if base in _CONTAINERS:
            if list(module._modules) != [str(i) for i in range(len(module._modules))]:
                raise NoFormError("its parts have names of their own")
            return Row(f"nn.{base.__name__}", tuple(self.value(m) for m in module.children()))
        if getattr(nn, base.__name__, None) is not base:
            raise NoFormError(f"torch.nn has no {base.__name__}")
        return Make(f"nn.{base.__name__}", arguments_of_layer(module, base))

    # groups -----------------------------------------------------------------------------------------------------------

    def _group(self, cls: type, modules: list[nn.Module]) -> None:
        saved = dict(self.module.definitions), dict(self.module.imports), set(self.module._taken)
        try:
            if cls.__module__.startswith(OWN):
                raise CannotShapeError("it is somebody's own and stays as it is")
            if cls is Code:
                self._lines(modules)
                return
            if torch_base(cls) not in (nn.Module, *_CONTAINERS):
                modules = self._plain_layers(cls, modules)
            if modules:
                self._specialised(cls, modules)
        except CANNOT as error:
            self.failed[cls.__name__] = f"{type(error).__name__}: {error}"
            self.module.definitions, self.module.imports, self.module._taken = saved
            self._copied(cls, modules)

    def _lines(self, modules: list[nn.Module]) -> None:
        """Modules of a person's own lines: a class for each text."""
        made: dict[tuple[str, ...], str] = {}
        for module in modules:
            assert isinstance(module, Code)
            key = (module.source, *module.wired)
            if key not in made:
                body = ast.parse(module.source).body
                if isinstance(body[-1], ast.Expr):
                    body[-1] = ast.Return(body[-1].value)
                tensor = parse("torch.Tensor")
                arguments = [ast.arg("self"), *(ast.arg(name, tensor) for name in module.wired)]
                takes = ast.arguments([], arguments, None, [], [], None, [])
                forward = ast.FunctionDef("forward", takes, body, [], tensor)
                name = made[key] = self.module.free("Code")
                doc = ast.Expr(ast.Constant("Lines of one's own."))
                node = ast.ClassDef(name, [parse("nn.Module")], [], [doc, forward], [])
                self.module.adapt(node, [Code.__module__], skip={name})
                self.module.definitions[name] = node
                self.shapes[name] = []
            self._made[id(module)] = Make(made[key], {})
            self._kept.append(module)

    def _plain_layers(self, cls: type, modules: list[nn.Module]) -> list[nn.Module]:
        """Make those that do what torch's own layer does that layer; the rest is handed back."""
        base = torch_base(cls)
        seen: dict[Any, bool] = {}
        rest = []
        for module in modules:
            simple = {k: v for k, v in vars(module).items() if isinstance(v, str | bool | type(None)) and k[0] != "_"}
            key = tuple(simple.items())
            if key not in seen:
                seen[key] = self._does_as(module, base)
            if seen[key]:
                self._made[id(module)] = self._torch(module, base)
                self._kept.append(module)
            else:
                rest.append(module)
        return rest

    def _does_as(self, module: nn.Module, base: type) -> bool:
        if set(module._parameters) - set(base_parameters(base)) or method_of(type(module), "forward") is None:
            return method_of(type(module), "forward") is None
        folder = Folder([module], lambda name, args: None)
        try:
            mine = folder.fold("forward", self._unused([module]))
        except CANNOT:
            return False
        return canonical(mine) == torch_forward(base) or hands_on(mine)

    def _unused(self, modules: Sequence[nn.Module]) -> list[str]:
        """Parameters of the forward that none of the modules was ever given."""
        records = [self.recorder.of(m) for m in modules]
        if not all(r is not None and r.called for r in records):
            return []
        passed = {name for r in records if r is not None for name in r.passed}
        return [name for name in signature_of(type(modules[0]), "forward").parameters if name not in passed]

    def _always(self, modules: Sequence[nn.Module]) -> list[str]:
        """Parameters of the forward that all modules were given in every call."""
        records = [self.recorder.of(m) for m in modules]
        if not all(r is not None and r.called for r in records):
            return []
        return sorted(set.intersection(*(r.always for r in records if r is not None)))

    def _specialised(self, cls: type, modules: list[nn.Module]) -> None:
        base = torch_base(cls)
        if base in _CONTAINERS:
            raise CannotShapeError("it is a container")
        layer = base is not nn.Module
        folder, forward = self._folded(cls, modules)
        name = self.module.free(cls.__name__)
        body: list[ast.stmt] = [summary(cls)]
        if layer:
            extra = set(folder.attributes) - attributes_of(base)
            if extra or any(set(m._modules) for m in modules):
                raise CannotShapeError(f"it keeps {', '.join(sorted(extra))} beside what torch's layer keeps")
            for module in modules:
                self._made[id(module)] = Make(name, arguments_of_layer(module, base))
            self.shapes[name] = [
                Parameter(n, [], EMPTY if d is inspect.Parameter.empty else d) for n, d in parameters_of(base).items()
            ]
        else:
            init, parameters = self._constructor(cls, modules, folder)
            self.shapes[name] = parameters
            for k, module in enumerate(modules):
                told = {p.name: p.values[k] for p in parameters}
                told = {n: v for n, v in told.items() if not is_default(v, default_of(parameters, n))}
                self._made[id(module)] = Make(name, told)
            body += init
        self._kept += modules
        for method in (forward, *folder.methods.values()):
            if not layer:
                vars(method).pop("beside", None)  # what was to be ignored is gone
        for buffer in dict.fromkeys(n for m in modules for n in m._buffers if not layer):
            body.insert(1, ast.AnnAssign(ast.Name(buffer, ast.Store()), parse("torch.Tensor"), None, 1))
        methods = [m for n, m in folder.methods.items()]
        body += [*methods, forward]
        node = ast.ClassDef(name, [parse(f"nn.{base.__name__}")], [], body, [])
        self.module.adapt(node, [*self._homes(cls), *self._inlined_from], skip={name, *self.shapes})
        self.module.definitions[name] = node

    def _homes(self, cls: type) -> list[str]:
        return [c.__module__ for c in cls.__mro__ if not is_torch(c) and c is not object]

    def _folded(self, cls: type, modules: list[nn.Module]) -> tuple[Folder, ast.FunctionDef]:
        kept: set[str] = set()
        while True:
            self._inlined_from = []
            folder = Folder(modules, lambda name, args: self.inlined([inside_of(m, name) for m in modules], args), kept)
            forward = folder.fold("forward", self._unused(modules), self._always(modules))
            if folder.identities & folder.kept_none:
                kept = set(folder.kept_none)
                continue
            return folder, forward

    def inlined(self, modules: Sequence[nn.Module | None], args: list[ast.expr]) -> ast.expr | None:
        """What a call of modules without weights is as an expression; None where they stay modules."""
        first = modules[0]
        if len(args) == 1 and all(m is not None and is_identity(m) for m in modules):
            return args[0]
        if first is None or any(type(m) is not type(first) for m in modules) or is_torch(type(first)):
            return None
        present = [m for m in modules if m is not None]
        if any(True for m in present for _ in (*m.parameters(), *m.buffers())) or type(first).__name__ not in CARDS:
            return None
        if torch_base(type(first)) is not nn.Module:
            return None
        inner = Folder(present, lambda name, given: self.inlined([inside_of(m, name) for m in present], given))
        try:
            made = inner.fold("forward", self._unused(present), self._always(present))
        except CANNOT:
            return None
        names = [a.arg for a in made.args.args[1:]]
        match made.body:
            case [ast.Return(value=value)] if value is not None and not inner.attributes and not inner.methods:
                pass
            case _:
                return None
        if made.args.vararg is not None:
            if names or len(args) < 1 or any(isinstance(a, ast.Starred) for a in args):
                return None
            value = spread(value, made.args.vararg.arg, args)
            if value is None:
                return None
        else:
            if len(args) != len(names) or any(isinstance(a, ast.Starred) for a in args):
                return None
            bound = dict(zip(names, args, strict=True))
            counts = uses(value, bound)
            if any(counts[n] > 1 and not is_simple(a) for n, a in bound.items()):
                return None
            value = substituted(value, bound)
        if len(flat(value)) > _LONGEST or len(flat(value)) > _INLINE + sum(len(flat(a)) for a in args):
            return None
        self._inlined_from += self._homes(type(first))
        return value

    def _constructor(
        self, cls: type, modules: list[nn.Module], folder: Folder
    ) -> tuple[list[ast.stmt], list[Parameter]]:
        records = [self.recorder.of(m) for m in modules]
        envs: list[Env] = [
            {n: v for n, v in r.arguments.items() if is_scalar(v)} if r is not None else {} for r in records
        ]
        names = [n for n in envs[0] if all(n in env for env in envs)]
        envs = [{n: env[n] for n in names} for env in envs]
        defaults = {
            n: p.default for n, p in signature_of(cls).parameters.items() if p.default is not p.empty and n in names
        }
        maker = Constructor(envs, defaults, self.shapes)
        body: list[ast.stmt] = []
        attributes: dict[str, None] = {}
        for module in modules:
            attributes.update(dict.fromkeys(module._modules))
        attributes.update({n: None for n in folder.attributes if n != "training"})
        own = {n for m in modules for n in (*m._parameters, *m._buffers)}
        if own:
            known = [r for r in records if r is not None]
            if len(known) < len(records):
                raise CannotShapeError("how its weights are made was not seen")
            body += weights.statements(cls, modules, known, maker)
        for name in attributes:
            if name in own:
                continue
            if not name.isidentifier():
                raise CannotShapeError(f"a part is called `{name}`")
            column: list[Any] = [getattr(m, name, UNKNOWN) for m in modules]
            if any(v is UNKNOWN for v in column):
                raise CannotShapeError(f"not all have `{name}`")
            inside = all(v is None or isinstance(v, nn.Module) for v in column)
            if name not in folder.attributes:
                weighty = any(v is not None and next(iter(v.state_dict()), None) is not None for v in column)
                if not weighty:
                    continue
            if not inside:
                if not all(storable(v) for v in column):
                    raise CannotShapeError(f"`{name}` is no setting")
                value = maker.value(column, maker.envs, name)
            else:
                made = [self.value(v) for v in column]
                if name in folder.identities:
                    made = [Make("nn.Identity", {}) if v is None else v for v in made]
                value = maker.modules(made, name)
            body.append(ast.Assign([ast.Attribute(ast.Name("self"), name, ast.Store())], value))
        parameters = maker.parameters()
        if not body:
            return [], parameters
        arguments = ast.arguments([], [ast.arg("self")], None, [], [], None, [])
        for p in parameters:
            kinds = p.values if p.default is EMPTY else [*p.values, p.default]
            arguments.args.append(ast.arg(p.name, parse(annotation(kinds))))
            if p.default is not EMPTY:
                arguments.defaults.append(parse(repr(p.default)))
        start = ast.Expr(parse("super().__init__()"))
        init = ast.FunctionDef("__init__", arguments, [start, *body], [], ast.Constant(None))
        return [init], parameters

    # copies -----------------------------------------------------------------------------------------------------------

    def _copied(self, cls: type, modules: list[nn.Module]) -> None:
        name = self.module.name(cls.__name__, [cls.__module__])
        records = [self.recorder.of(m) for m in modules]
        told = [dict(r.arguments) if r is not None else {} for r in records]
        parameters = [
            Parameter(n, [t.get(n) for t in told], EMPTY if p.default is p.empty else p.default)
            for n, p in signature_of(cls).parameters.items()
        ]
        self.shapes[name] = parameters
        for module, given in zip(modules, told, strict=True):
            kept = {n: v for n, v in given.items() if not is_default(v, default_of(parameters, n))}
            self._made[id(module)] = Make(name, {n: self._argument(v) for n, v in kept.items()})
            self._kept.append(module)

    def _argument(self, value: Any) -> Any:
        return self.value(value) if isinstance(value, nn.Module) else value
