"""What there is to be seen of one node in a preview: its outputs, filters, attention; of the Input its saliency."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QImage

from app.messages.preview import Inside, Look, PortLook, Preview, Tile
from app.window.preview_pictures import facts, images, number

TITLES = {"maps": "Feature maps", "colour": "Sample", "heat": "Sequence", "values": "Numbers", "none": "Output"}


@dataclass(frozen=True)
class View:
    """One thing to look at. `parts` name what can be chosen of it, such as the heads; empty: nothing."""

    title: str
    said: str = ""
    images: tuple[QImage, ...] = ()
    tiles: tuple[Tile, ...] = ()
    values: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    """What each picture or number is called; empty: by its number."""
    part: str = ""
    """What a picture is: channel, filter, head."""
    chooser: bool = False
    """Whether the parts, the heads, are offered in a list, too."""
    saliency: bool = False

    def about(self, index: int) -> str:
        """What is known of one picture or number: `Channel 12: −0.5 to 3.1, mean 0.2, 34 % zeros`."""
        if self.values:
            return f"{self.name(index)}: {number(self.values[index])}" if 0 <= index < len(self.values) else ""
        return f"{self.name(index)}: {facts(self.tiles[index])}" if 0 <= index < len(self.tiles) else ""

    def name(self, index: int) -> str:
        """What one picture or number is called."""
        if index < len(self.names):
            return self.names[index]
        which = self.tiles[index].channel if not self.values else index
        return f"{self.part} {which}".strip().capitalize()


def views_of(told: Preview, node: str, *, entry: bool = False) -> list[View]:
    """All there is to be seen of the node `node` (its path) that was asked for; `entry`: it is an Input."""
    found: list[View] = []
    ports = [port for port in told.detail if port.id == node]
    for port in ports:
        for level, shown in enumerate(port.looks):
            found.append(_output(told, port, level, shown, named=len(ports) > 1, entry=entry))
    for title, part, inside in (("Filters", "filter", told.filters), ("Attention", "head", told.attention)):
        for index, each in enumerate(inside, 1):
            which = f" {index} of {len(inside)}" if len(inside) > 1 else ""
            found.append(_inside(title + which, part, each, told=bool(which)))
    if told.saliency is not None and told.saliency.id == node:
        found.append(saliency_of(told))
    return found


def saliency_of(told: Preview) -> View:
    """Which pixels move the score of the class."""
    assert told.saliency is not None
    shown = told.saliency.look
    said = f"How much each pixel moves the score of class {told.saliency.label}."
    return View("Saliency", said, tuple(images(shown)), shown.tiles, names=("Saliency",), saliency=True)


def _output(told: Preview, port: PortLook, level: int, shown: Look, *, named: bool, entry: bool) -> View:
    title = "Sample" if entry else TITLES[shown.form]
    if named:
        title = f"{port.port}: {title.lower()}"
    if len(port.looks) > 1:
        title += f", level {level + 1}"
    classes = {each.index: each.label for each in told.answers}
    names: tuple[str, ...] = ()
    if shown.form == "values" and len(shown.values) == told.classes:
        names = tuple(classes.get(i, str(i)) for i in range(told.classes))
        names = tuple(f"Class {name}" for name in names)
    elif shown.form == "heat":
        names = ("Rows and columns",)
    elif entry and shown.form in ("colour", "maps"):
        names = ("The sample",)
    sizes = " × ".join(["B", *map(str, shown.shape[1:])])
    return View(
        title, " ".join(filter(None, [sizes + ".", shown.said])), tuple(images(shown)), shown.tiles, shown.values,
        names, "channel" if shown.form == "maps" else "",
    )  # fmt: skip


def _inside(title: str, part: str, each: Inside, *, told: bool) -> View:
    """Something inside the node; `told`: with the module that it is of."""
    shown = each.look
    place = "/".join(filter(None, (each.id.rpartition("/")[2], each.path)))
    said = f"{place}: {shown.said}" if told else shown.said
    return View(title, said, tuple(images(shown)), shown.tiles, (), (), part, chooser=part == "head")
