"""The user's own nn.Module classes as blocks: their files arrive as text, and are modules of a package of their own.

Each file is run on its own: what is wrong with one is told with file and line, and costs the blocks of that file alone.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.abc import ExecutionLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any

from torch import nn

from app.engine.compile import shared_analyser
from app.messages import OwnFile
from app.messages.reports import Problem
from blocks import catalogue, plain
from blocks.declare import CARDS, REGISTRY

PACKAGE = "own_blocks"
_PLACE = "<own>/"


class _Finder(MetaPathFinder, ExecutionLoader):
    """Finds the files as modules of the package: one may say `from .helpers import gate`."""

    def __init__(self, files: Sequence[OwnFile]) -> None:
        self.files = tuple(files)
        self.texts = {file.name: file.text for file in files}

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname == PACKAGE:
            return ModuleSpec(PACKAGE, None, is_package=True)
        package, _, stem = fullname.rpartition(".")
        return spec_from_loader(fullname, self) if package == PACKAGE and f"{stem}.py" in self.texts else None

    def get_filename(self, fullname: str) -> str:
        return _PLACE + self._name(fullname)

    def get_source(self, fullname: str) -> str:
        return self.texts[self._name(fullname)]

    def is_package(self, fullname: str) -> bool:
        return False

    @staticmethod
    def _name(fullname: str) -> str:
        return f"{fullname.rpartition('.')[2]}.py"


_finder = _Finder(())
_troubles: tuple[Problem, ...] = ()


def troubles() -> tuple[Problem, ...]:
    """What is wrong with the files that were loaded last."""
    return _troubles


def files() -> tuple[OwnFile, ...]:
    """The files that were loaded last."""
    return _finder.files


def load(files: Sequence[OwnFile], loading: Callable[[str], None] = lambda _file: None) -> None:
    """Make the nn.Module classes in these files blocks, in place of those loaded before; the same files are not loaded
    twice. `loading` is told of each file before it is run."""
    global _finder, _troubles
    if tuple(files) == _finder.files:
        return
    catalogue.load()
    old = _drop(PACKAGE)
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name in [n for n in sys.modules if n == PACKAGE or n.startswith(f"{PACKAGE}.")]:
        del sys.modules[name]
    _finder = _Finder(files)
    sys.meta_path.append(_finder)
    found: list[Problem] = []
    for file in files:
        loading(file.name)
        found += _load_file(file)
    _troubles = tuple(found)
    shared_analyser().measurer.forget({*old, *_ids(PACKAGE)})


def _load_file(file: OwnFile) -> list[Problem]:
    stem = file.name.removesuffix(".py")
    module_name = f"{PACKAGE}.{stem}"
    if not stem.isidentifier():
        return [_problem(file.name, 0, f"a module cannot be called `{stem}`: use letters, digits and _ in its name")]
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # whatever a person's file does becomes a sentence
        _drop(module_name)
        return [_problem(*_place(error, file.name), _words(error))]
    if stem.startswith("_"):  # helpers of other files
        _drop(module_name)
        return []
    return _adopt(module, file)


def _adopt(module: ModuleType, file: OwnFile) -> list[Problem]:
    """Make blocks of the module's classes that did not declare themselves."""
    found = []
    for cls in list(vars(module).values()):
        if not (isinstance(cls, type) and issubclass(cls, nn.Module) and cls.__module__ == module.__name__):
            continue
        id = cls.__name__
        if id.startswith("_") or REGISTRY.get(id) is cls:
            continue
        line = _line_of(file.text, id)
        if id in REGISTRY:
            found.append(_problem(file.name, line, f"there is a block `{id}` already: call the class otherwise"))
            continue
        try:
            CARDS[id] = plain.card_of(cls, file.name)
        except Exception as error:  # a signature may hold anything
            found.append(_problem(file.name, line, _words(error)))
            continue
        REGISTRY[id] = cls
    return found


def _ids(module: str) -> list[str]:
    return [id for id, cls in REGISTRY.items() if f"{cls.__module__}.".startswith(f"{module}.")]


def _drop(module: str) -> list[str]:
    """Take the blocks of a module, or of all of a package, out of the catalogue; returns their ids."""
    ids = _ids(module)
    for id in ids:
        del REGISTRY[id], CARDS[id]
    return ids


def _line_of(text: str, name: str) -> int:
    return next((n.lineno for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ClassDef) and n.name == name), 0)


def _place(error: BaseException, file: str) -> tuple[str, int]:
    """The own file and line that an error came from."""
    if isinstance(error, SyntaxError) and (error.filename or "").startswith(_PLACE):
        return str(error.filename).removeprefix(_PLACE), error.lineno or 0
    found, trace = (file, 0), error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(_PLACE):
            found = name.removeprefix(_PLACE), trace.tb_lineno
        trace = trace.tb_next
    return found


def _words(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"it is not Python ({error.msg})"
    if isinstance(error, SystemExit):
        return "it ends the program while it is loaded, which no file may"
    if isinstance(error, ModuleNotFoundError) and f"{error.name}.py" in _finder.texts:
        return f"`{error.name}` lies beside it: write `from . import {error.name}` or `from .{error.name} import ...`"
    first = (str(error).strip().splitlines() or [""])[0]
    said = first and isinstance(error, TypeError | ImportError)  # sentences of our own, and of Python's
    return first[:300] if said else f"{type(error).__name__}: {first[:300]}"


def _problem(file: str, line: int, what: str) -> Problem:
    at = f"`{file}`, line {line}" if line else f"`{file}`"
    return Problem("warning", "", file, "", "", "", "own-blocks", f"{at}: {what.rstrip('.')}")
