"""A comparison in words: what analysis says of each node, the sums of both drawings, and the list as a text."""

from __future__ import annotations

from dataclasses import dataclass

from app.design.compare import Comparison, Detail, Difference, Figures
from app.messages import Analysis
from app.window import figures

KINDS = {"removed": "−", "added": "+", "changed": "≠"}
"""The mark of each kind of difference, on the canvas and in the list."""


def known(analysis: Analysis | None) -> dict[str, Figures]:
    """What is compared of each node that runs, by its path."""
    if analysis is None:
        return {}
    return {
        report.id: Figures(
            ", ".join(figures.brief(port.tensors) for port in report.outputs if port.tensors), report.parameters,
            report.macs,
        )
        for report in (*analysis.nodes, *analysis.groups)
        if report.ok
    }  # fmt: skip


@dataclass(frozen=True)
class Total:
    """A sum of both drawings."""

    name: str
    before: int
    after: int
    bytes: bool = False

    def _words(self, number: int) -> str:
        return figures.size(number) if self.bytes else f"{number:,}"

    @property
    def texts(self) -> tuple[str, str, str]:
        """`11,689,512`, `21,797,672`, `+10,108,160 (+86.5 %)`."""
        by = self.after - self.before
        if not by:
            return self._words(self.before), self._words(self.after), "equal"
        sign = "+" if by > 0 else "−"
        part = abs(by) / self.before if self.before else 0.0
        share = f" ({sign}{100 * part:,.{1 if part < 10 else 0}f} %)" if self.before else ""
        return self._words(self.before), self._words(self.after), f"{sign}{self._words(abs(by))}{share}"


def totals(before: Analysis | None, after: Analysis | None) -> tuple[Total, ...]:
    """The sums; none while one of the two is not known."""
    if before is None or after is None:
        return ()
    return (
        Total("parameters", before.parameters, after.parameters),
        Total("MACs", before.macs, after.macs),
        Total("activations", before.memory.activations, after.memory.activations, bytes=True),
        Total("training step", before.memory.training, after.memory.training, bytes=True),
    )


def lines(found: Comparison) -> list[tuple[Difference | None, Detail]]:
    """The rows of the list, one a thing that differs; without a node where it is of the recipe."""
    rows: list[tuple[Difference | None, Detail]] = []
    for difference in found.differences:
        only = {"removed": ("there", "not there"), "added": ("not there", "there")}.get(difference.kind, ("", ""))
        for detail in difference.details or (Detail("node", "node", *only),):
            rows.append((difference, detail))
    return [*rows, *((None, detail) for detail in found.recipe)]


def summary(found: Comparison) -> str:
    """`3 nodes differ, 1 only left, 2 only right`."""
    if found.empty:
        return "Nothing differs."
    changed = found.count("changed")
    said = [f"{changed:,} node{' differs' if changed == 1 else 's differ'}"] if changed else []
    only = [(found.count("removed"), "only left"), (found.count("added"), "only right")]
    for count, where in only:
        if count:
            said.append(f"{count:,} {where}" if said else f"{count:,} node{'s' * (count != 1)} {where}")
    if found.recipe:
        said.append("the recipe differs")
    return ", ".join(said) + (". There is more: the drawings are too large to compare to the end." if found.cut else "")


def as_markdown(titles: tuple[str, str], found: Comparison, sums: tuple[Total, ...]) -> str:
    """The list as Markdown: the sums, then one line a thing that differs."""
    first, second = map(_cell, titles)
    text = [f"# {first} and {second}", "", f"{summary(found)}".rstrip("."), ""]
    if sums:
        text += [f"| total | {first} | {second} | difference |", "| --- | ---: | ---: | ---: |"]
        text += [f"| {total.name} | {' | '.join(total.texts)} |" for total in sums] + [""]
    if not found.empty:
        text += [f"|  | node | block | what | {first} | {second} |", "| --- | --- | --- | --- | --- | --- |"]
        for difference, detail in lines(found):
            where = (KINDS[difference.kind], difference.name, difference.block) if difference else ("≠", "recipe", "")
            text.append(f"| {' | '.join(map(_cell, (*where, detail.what, detail.before, detail.after)))} |")
        text.append("")
    return "\n".join(text)


def as_text(titles: tuple[str, str], found: Comparison, sums: tuple[Total, ...]) -> str:
    """The list as a plain text, a line a thing that differs."""
    text = [f"{titles[0]} and {titles[1]}", summary(found), ""]
    text += [f"{total.name}: {total.texts[0]} -> {total.texts[1]}, {total.texts[2]}" for total in sums]
    text += [""] if sums else []
    for difference, detail in lines(found):
        mark, name = (KINDS[difference.kind], difference.name) if difference else ("≠", "recipe")
        block = f" ({difference.block})" if difference else ""
        said = f": {detail.what} {detail.before} -> {detail.after}" if detail.about != "node" else ""
        text.append(f"{mark} {name}{block}{said}".replace("\n", " "))
    return "\n".join([*text, ""])


def _cell(words: str) -> str:
    return words.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
