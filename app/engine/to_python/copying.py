"""Definitions copied as they stand, with what they need: helpers, constants and imports, each once and in order."""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence

from app.engine.to_python.shaping import CannotShapeError
from app.engine.to_python.sources import Import, free_names, source_of

OURS = ("blocks", "own_blocks", "app")
USUAL = {
    "torch": Import("torch", ""), "nn": Import("torch", "nn"), "F": Import("torch.nn", "functional"),
    "math": Import("math", ""),
}  # fmt: skip
"""What everybody calls so."""


class Module:
    """The definitions and imports of the module that is written."""

    def __init__(self, taken: Sequence[str] = ()) -> None:
        self.definitions: dict[str, ast.stmt] = {}
        """Name -> definition, each after those that it needs."""
        self.imports: dict[str, Import] = {}
        """Name -> what it is."""
        self._names: dict[tuple[str, str], str] = {}
        """(module, name) -> what it is called here."""
        self._taken = set(taken)

    def free(self, wish: str) -> str:
        """A name that nothing has yet; it is taken from now on."""
        name, number = wish, 1
        while name in self._taken or name in self.imports:
            number += 1
            name = f"{wish}{number}"
        self._taken.add(name)
        return name

    def name(self, name: str, modules: Sequence[str]) -> str:
        """What a name that one of these modules knows is called here: its definition or import is brought along."""
        for module in modules:
            source = source_of(module)
            if name in source.definitions:
                return self._defined(module, name)
            if name in source.imports:
                found = source.imports[name]
                if found.module.partition(".")[0] in OURS:
                    return self.name(found.name, [found.module])
                return self._imported(name, found)
        raise CannotShapeError(f"`{name}` is not known where it is used")

    def _imported(self, name: str, found: Import) -> str:
        if self.imports.get(name, found) != found:
            raise CannotShapeError(f"`{name}` is two things")
        self.imports[name] = found
        self._taken.add(name)
        return name

    def _defined(self, module: str, name: str) -> str:
        if (module, name) in self._names:
            return self._names[module, name]
        node = source_of(module).definitions[name]
        called = self.free(name)
        self._names[module, name] = called
        new = copy.deepcopy(node)
        if isinstance(new, ast.FunctionDef | ast.ClassDef):
            new.name = called
            new.decorator_list = [d for d in new.decorator_list if not _is_block(d)]
        elif isinstance(new, ast.Assign) and isinstance(new.targets[0], ast.Name):
            new.targets = [ast.Name(called, ast.Store())]
        elif isinstance(new, ast.AnnAssign):
            new.target = ast.Name(called, ast.Store())
        self.adapt(new, [module], skip={name} if called == name else set())
        self.definitions[called] = new
        return called

    def adapt(self, node: ast.AST, modules: Sequence[str], skip: set[str] | None = None) -> None:
        """Bring along what the code needs, and call it in the code as it is called here."""
        renamed: dict[str, str] = {}
        for each in free_names(node):
            if (skip and each in skip) or self.imports.get(each) == USUAL.get(each, 0):
                continue
            if each in USUAL and not any(each in source_of(m).definitions for m in modules):
                self._imported(each, USUAL[each])
                continue
            called = self.name(each, modules)
            if called != each:
                renamed[each] = called
        if renamed:
            for each_ in ast.walk(node):
                if isinstance(each_, ast.Name) and each_.id in renamed:
                    each_.id = renamed[each_.id]

    def prune(self, wanted: str) -> None:
        """Keep what `wanted` needs, and of the imports what is used."""
        kept: set[str] = set()
        todo = [wanted]
        used: set[str] = set()
        while todo:
            name = todo.pop()
            if name in kept or name not in self.definitions:
                used.add(name)
                continue
            kept.add(name)
            todo += free_names(self.definitions[name])
        self.definitions = {n: d for n, d in self.definitions.items() if n in kept}
        self.imports = {n: i for n, i in self.imports.items() if n in used or n == "torch"}

    def take_imports(self, nodes: Sequence[ast.Import | ast.ImportFrom]) -> None:
        """Add these imports to those that stand at the top."""
        for node in nodes:
            for alias in node.names:
                name = alias.asname or alias.name
                member = isinstance(node, ast.ImportFrom)
                found = Import(str(node.module), alias.name) if member else Import(alias.name, "")  # type: ignore[union-attr]
                self._imported(name, found)

    def header(self) -> list[ast.stmt]:
        """The imports, in isort's order."""
        plain: list[tuple[int, int, str, ast.stmt]] = []
        members: dict[str, list[ast.alias]] = {}
        for name, found in self.imports.items():
            if not found.name:
                alias = ast.alias(found.module, None if name == found.module.partition(".")[0] else name)
                plain.append((_section(found.module), 0, found.module, ast.Import([alias])))
            else:
                members.setdefault(found.module, []).append(
                    ast.alias(found.name, None if name == found.name else name)
                )
        for module, aliases in members.items():
            aliases.sort(key=lambda a: (not a.name.isupper(), not a.name[0].isupper(), a.name))
            plain.append((_section(module), 1, module, ast.ImportFrom(module, aliases, 0)))
        plain.sort(key=lambda row: row[:3])
        made: list[ast.stmt] = [ast.ImportFrom("__future__", [ast.alias("annotations")], 0)]
        section = -1
        for number, _, _, node in plain:
            if number != section:
                node.apart = True  # type: ignore[attr-defined]
                section = number
            made.append(node)
        return made


def _section(module: str) -> int:
    import sys

    return 0 if module.partition(".")[0] in sys.stdlib_module_names else 1


def _is_block(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "block"
