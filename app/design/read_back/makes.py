"""What a constructor makes: attributes that are new, gone, called otherwise, or made with other settings."""

from __future__ import annotations

import ast
from collections.abc import Collection
from difflib import SequenceMatcher

from app.design.edits import settings_of
from app.design.names import NamingError, check_name, quoted
from app.design.ports import Catalogue
from app.design.read_back.calls import NN, Call, CallError, call_of, is_size, setting_for, value_of
from app.design.read_back.changes import Changes, New
from app.design.read_back.pairing import Drawn, same
from app.design.read_back.parse import ClassCode, Made, ModuleCode, Trouble
from app.design.read_back.torch_layers import IDLE
from app.design.values import Design, Expression, Node, Settings, SettingValue
from blocks.card import Setting


class Makes:
    """Compares what a class made before with what it makes now. `names` are the attributes now, by those before."""

    def __init__(
        self, drawn: Drawn, code: ClassCode, old: ModuleCode, new: ModuleCode, changes: Changes, design: Design,
        catalogue: Catalogue, known: Collection[Drawn],
    ) -> None:  # fmt: skip
        self.troubles: list[Trouble] = []
        self.names: dict[str, str] = {}
        self._drawn, self._code, self._old, self._new = drawn, code, old, new
        self._changes, self._design, self._catalogue = changes, design, catalogue
        self._known = known
        group = design.group_by_name.get(drawn.where)
        self._exposed = {setting.name for setting in group.settings} if group is not None else set()
        self.sizes: list[Trouble] = []
        """Sizes that were changed though they follow from the wires: fine where what feeds them was changed too."""

    def read(self) -> None:
        before, after = self._drawn.code.made, self._code.made
        self.names = {name: name for name in before if name in after}
        self._find_renamed()
        for name, now in self.names.items():
            if name != now:
                self._changes.renamed[self._id(name)] = (now, after[now].line)
            if not same(before[name].value, after[now].value):
                self._changed(name, before[name], after[now])
        for name in before:
            if name not in self.names:
                self._changes.removed[self._id(name)] = self._code.line
        taken = set(self.names.values())
        for name, made in after.items():
            if name not in taken:
                self._added(made)

    def _id(self, name: str) -> str:
        return self._drawn.graph.by_name[name].id

    def _find_renamed(self) -> None:
        """Pair what is gone with what is new, where it is made alike: as it is, or by the same class in its place."""
        before, after = self._drawn.code.made, self._code.made
        taken = set(self.names.values())
        gone = [made for made in before.values() if made.name not in self.names]
        new = [made for made in after.values() if made.name not in taken]
        for one in gone:
            alike = next((made for made in new if same(one.value, made.value)), None)
            if alike is not None:
                self.names[one.name] = alike.name
                new.remove(alike)
        back = {now: name for name, now in self.names.items()}
        first, second = list(before), [back.get(name, f"{name} is new") for name in after]
        order = list(after)
        for kind, i1, i2, j1, j2 in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
            if kind != "replace" or i2 - i1 != j2 - j1:
                continue
            for name, now in zip(first[i1:i2], order[j1:j2], strict=True):
                fresh = name not in self.names and now not in self.names.values()
                if fresh and _class_name(before[name].value) == _class_name(after[now].value):
                    self.names[name] = now

    # changed ----------------------------------------------------------------------------------------------------------

    def _trouble(self, line: int, message: str) -> None:
        self.troubles.append(Trouble(line, message))

    def _call(self, made: Made, module: ModuleCode) -> Call | None:
        try:
            return call_of(made.value, module)
        except CallError as error:
            if module is self._new:
                self._trouble(made.line, f"{quoted(made.name)}: {error}")
            return None

    def _changed(self, name: str, before: Made, after: Made) -> None:
        old, new = self._call(before, self._old), self._call(after, self._new)
        if new is None:
            return
        node = self._drawn.graph.by_name[name]
        if old is None:
            self._trouble(after.line, f"{quoted(name)} is made in a way that cannot be read back")
            return
        if old.callee != new.callee:
            self._replaced(node, new, after)
            return
        if old.holder != new.holder or (old.repeat is None) != (new.repeat is None):
            self._trouble(after.line, f"{quoted(name)}: what repeats is drawn as a Group that repeats")
            return
        if old.repeat is not None and new.repeat is not None:
            if not same(old.repeat, new.repeat):
                self._repeated(node, new.repeat, after.line)
            known = [{**call.arguments} for call in (old, *old.others)]
            if any(not _listed(call.arguments, known) for call in new.others):
                self._trouble(after.line, f"{quoted(name)}: what repeats has one set of settings, on the canvas")
        for parameter in new.arguments:
            one, other = old.arguments.get(parameter), new.arguments[parameter]
            if not same(one, other):
                self._argument(node, new.layer, parameter, one, other, after.line)

    def _repeated(self, node: Node, count: ast.expr, line: int) -> None:
        try:
            self._changes.repeats.append((node.id, value_of(count, self._exposed), line))
        except CallError as error:
            self._trouble(line, f"{node.name}: {error}")

    def _settings(self, node: Node) -> dict[str, Setting]:
        return {setting.name: setting for setting in settings_of(self._design, node, self._catalogue) or ()}

    def _argument(
        self, node: Node, layer: str, parameter: str, before: ast.expr | None, after: ast.expr, line: int
    ) -> None:
        """An argument is another one: a setting is, or what cannot be set."""
        setting = setting_for(layer, parameter, self._settings(node))
        card = self._catalogue.get(node.block)
        if setting is None:
            if layer and parameter in IDLE and isinstance(after, ast.Constant):
                return
            if is_size(layer, parameter, card.reads if card is not None else ()) or node.group:
                self.sizes.append(Trouble(
                    line, f"{node.name}: `{parameter}` follows from what feeds it: change that node, or the wire",
                ))  # fmt: skip
                return
            block = card.title if card is not None else node.group
            self._trouble(line, f"{node.name}: {block} has no setting for `{parameter}`")
            return
        try:
            value = value_of(after, self._exposed)
        except CallError as error:
            self._trouble(line, f"{node.name}: {parameter}: {error}")
            return
        if before is not None and not self._is_it(node, setting, before):
            self._trouble(
                line, f"{node.name}: `{parameter}` follows from other settings here: change it on the canvas",
            )  # fmt: skip
            return
        self._set(node.id, node.name, setting, value, line)

    def _is_it(self, node: Node, setting: Setting, before: ast.expr) -> bool:
        """Whether what stood there is the setting's value, and not something that follows from it."""
        drawn = node.settings.get(setting.name, setting.default)
        try:
            written = value_of(before, self._exposed)
        except CallError:
            return False
        if isinstance(drawn, Expression) or isinstance(written, Expression):
            return True  # what it comes to is known to analysis alone
        try:
            return Settings(value=setting.accept(written)) == Settings(value=setting.accept(drawn))
        except ValueError:
            return written is None or drawn is None

    def _set(self, id: str, name: str, setting: Setting, value: SettingValue, line: int) -> None:
        if not isinstance(value, Expression):
            try:
                setting.accept(value)
            except ValueError as error:
                self._trouble(line, f"{name}: {error}")
                return
        self._changes.settings.append((id, setting.name, value, line))

    # new ones ---------------------------------------------------------------------------------------------------------

    def _kind(self, call: Call, line: int, name: str) -> tuple[str, str, Settings] | None:
        """The block or Group that a call makes, and the settings that its class has built in."""
        if not call.callee.startswith(NN):
            for drawn in self._known:
                for made in drawn.code.made.values():
                    node = drawn.graph.by_name.get(made.name)
                    if node is not None and _makes(made.value, call.callee):
                        return node.block, node.group, node.settings
        block = call.callee.removeprefix(NN)
        if block in self._catalogue:
            return block, "", Settings()
        self._trouble(
            line, f"{quoted(name)}: {quoted(call.callee)} is no block that Netloom knows: make it a Code block, or a "
            "module of your own under File > Own blocks",
        )  # fmt: skip
        return None

    def _arguments(self, call: Call, block: str, group: str, built_in: Settings, name: str, line: int) -> Settings:
        """The settings of a module that is made anew."""
        stand_in = Node(id=name, block=block, group=group)
        declared = self._settings(stand_in)
        settings = {key: value for key, value in built_in.items() if key in declared}
        card = self._catalogue.get(block)
        for parameter, given in call.arguments.items():
            setting = setting_for(call.layer, parameter, declared)
            written = parameter in call.written
            if setting is None:
                reads = card.reads if card is not None else ()
                idle = call.layer and parameter in IDLE and isinstance(given, ast.Constant)
                if written and not idle and not is_size(call.layer, parameter, reads) and not group:
                    title = card.title if card is not None else group
                    self._trouble(line, f"{name}: {title} has no setting for `{parameter}`")
                continue
            try:
                value = value_of(given, self._exposed)
            except CallError as error:
                self._trouble(line, f"{name}: {parameter}: {error}")
                continue
            if value is None and not setting.optional:
                if written:
                    self._trouble(line, f"{name}: {parameter} needs {setting.wanted()}")
                elif parameter == "stride" and "kernel_size" in call.arguments:
                    value = value_of(call.arguments["kernel_size"], self._exposed)
                if value is None:
                    continue
            if not isinstance(value, Expression):
                try:
                    value = setting.accept(value)
                except ValueError as error:
                    self._trouble(line, f"{name}: {error}")
                    continue
            settings.pop(setting.name, None)  # the class takes it, so it is not built in
            if written or value != setting.default:
                settings[setting.name] = value
        return Settings(settings)

    def _replaced(self, node: Node, call: Call, made: Made) -> None:
        """An attribute is made by another class: its node becomes one of another block."""
        kind = self._kind(call, made.line, made.name)
        if kind is None:
            return
        block, group, built_in = kind
        self._changes.replaced[node.id] = (block, group, made.line)
        for name, value in self._arguments(call, block, group, built_in, made.name, made.line).items():
            self._changes.settings.append((node.id, name, value, made.line))

    def _added(self, made: Made) -> None:
        call = self._call(made, self._new)
        if call is None:
            return
        if call.repeat is not None:
            self._trouble(made.line, f"{made.name}: what repeats is drawn as a Group that repeats")
            return
        try:
            check_name(made.name)
        except NamingError as error:
            self._trouble(made.line, str(error))
            return
        kind = self._kind(call, made.line, made.name)
        if kind is None:
            return
        block, group, built_in = kind
        settings = self._arguments(call, block, group, built_in, made.name, made.line)
        self._changes.added[made.name] = New(made.name, block, group, settings, line=made.line)


def _listed(arguments: dict[str, ast.expr], known: list[dict[str, ast.expr]]) -> bool:
    return any(
        arguments.keys() == other.keys() and all(same(arguments[name], other[name]) for name in arguments)
        for other in known
    )


def _class_name(value: ast.expr) -> str:
    return ast.unparse(value.func) if isinstance(value, ast.Call) else ast.unparse(value)


def _makes(value: ast.expr, callee: str) -> bool:
    """Whether a value is made by a class."""
    return any(isinstance(part, ast.Call) and ast.unparse(part.func) == callee for part in ast.walk(value))
