"""What there is to read about: a topic for each block, category, optimizer and schedule, and its page as rich text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from app.design.values import Node
from app.messages import Devices
from app.window.canvas import texts
from app.window.canvas.face import ICONS, icon_of
from app.window.document import Document
from app.window.papers import linked
from app.window.sentences import rich
from app.window.theme import theme
from blocks.card import CATEGORIES, SECTIONS, Card, Page, Port, Setting

GROUP = "category:Group"


@dataclass(frozen=True)
class Topic:
    """One page to read. `key` is its name, as `Document.explanation_wanted` carries it."""

    key: str
    title: str
    kind: str
    """What it is, beside the title: "Layer, Pooling"."""
    icon: str
    category: str
    """Whose colour it has."""
    text: str
    helps: str
    hurts: str
    paper: str
    section: str = ""
    card: Card | None = None


def of_node(node: Node) -> str:
    """The topic of a node: its block's, or that of Groups."""
    return GROUP if node.group else f"block:{node.block}"


def first_sentence(text: str) -> str:
    """The first sentence of a page, for a tooltip."""
    first, stop, _ = " ".join(text.split()).partition(". ")
    return first + "." * bool(stop)


def by_section(category: str, cards: Iterable[Card]) -> dict[str, list[Card]]:
    """The blocks of a category as they are listed everywhere: those of no section under "", each section by title."""
    sections = SECTIONS.get(category, ())
    found: dict[str, list[Card]] = {section: [] for section in ("", *sections)}
    for card in cards:
        found[card.section if card.section in sections else ""].append(card)
    for section in sections:
        found[section].sort(key=lambda card: card.title.casefold())
    return found


def chapters(document: Document, devices: Devices | None) -> dict[str, list[Topic]]:
    """All topics by chapter: a category's page and its blocks, Groups, and what an engine says of training."""
    found: dict[str, list[Topic]] = {}
    for category in (*CATEGORIES, "Group"):
        page = document.pages.get(category)
        kind = "Category" if category in CATEGORIES else ""
        chapter = [_of_page(f"category:{category}", page, kind, ICONS[category], category)] if page else []
        cards = [card for card in document.catalogue.values() if card.category == category]
        for section, listed in by_section(category, cards).items():
            chapter += [_of_card(card, section) for card in listed]
        found["Groups" if category == "Group" else category] = chapter
    for name, icon, pages in (
        ("Optimizer", "trending-down", devices.optimizers if devices else ()),
        ("Schedule", "chart-line", devices.schedules if devices else ()),
    ):
        found[f"{name}s"] = [_of_page(f"{name.lower()}:{page.id}", page, name, icon) for page in pages]
    return {name: topics for name, topics in found.items() if topics}


def _of_page(key: str, page: Page, kind: str, icon: str, category: str = "") -> Topic:
    return Topic(key, page.title, kind, icon, category, page.text, page.helps, page.hurts, page.paper)


def _of_card(card: Card, section: str) -> Topic:
    kind = f"{card.category}, {section}" if section else card.category
    return Topic(
        f"block:{card.id}", card.title, kind, icon_of(card, card.category), card.category, card.help or card.summary,
        card.helps, card.hurts, card.paper, section, card,
    )  # fmt: skip


# as rich text ---------------------------------------------------------------------------------------------------------

OK, WARN, SIGN = "icon:helps", "icon:hurts", "icon:topic"
"""Names of the pictures that a page shows; who shows it provides them."""


def page_of(topic: Topic) -> str:
    """The page of a topic, in the colours of the theme."""
    look = theme.tokens
    said = [
        f'<p><img src="{SIGN}" width="18" height="18" style="vertical-align: middle">&nbsp; '
        f'<span style="font-size: 17px; font-weight: 600">{escape(topic.title)}</span>'
        f'&nbsp;&nbsp; <span style="color: {look.soft}">{escape(topic.kind)}</span></p>'
    ]
    said += [f"<p>{rich(' '.join(part.split()))}</p>" for part in topic.text.split("\n\n")]
    for picture, heading, text in ((OK, "When it helps", topic.helps), (WARN, "When it hurts", topic.hurts)):
        if text:
            sign = f'<img src="{picture}" width="16" height="16" style="vertical-align: middle">&nbsp; '
            said.append(f'{_heading(sign + heading)}<p style="margin-top: 0">{rich(text)}</p>')
    if topic.card is not None:
        card = topic.card
        said.append(_table("Takes", [_port(port) for port in card.inputs]))
        said.append(_table("Gives", [_port(port) for port in card.outputs]))
        said.append(_table("Settings", [_setting(setting) for setting in card.settings]))
    if topic.paper:
        said.append(f'{_heading("Paper")}<p style="margin-top: 0">{linked(topic.paper)}</p>')
    return "".join(said)


def _heading(html: str) -> str:
    return f'<p style="margin-top: 18px; margin-bottom: 4px; font-weight: 600; color: {theme.tokens.soft}">{html}</p>'


def _table(heading: str, rows: list[tuple[str, str, str]]) -> str:
    """Lines of a name, what it is, and its help."""
    if not rows:
        return ""
    soft = theme.tokens.soft
    lines = "".join(
        f'<tr><td width="120" style="padding: 3px 16px 5px 0">{rich(f"`{name}`")}</td>'
        f'<td style="padding: 3px 0 5px 0">{rich(help)} <span style="color: {soft}">{rich(what)}</span></td></tr>'
        for name, what, help in rows
    )
    return f'{_heading(heading)}<table cellspacing="0" cellpadding="0" width="100%">{lines}</table>'


def _port(port: Port) -> tuple[str, str, str]:
    words = ["Any kind" if port.kind == "any" else port.kind.capitalize()]
    if port.pattern not in ("", port.kind):
        words[0] += f" `{port.pattern}`"
    if port.optional:
        words.append("optional")
    if port.many == "*":
        words.append(f"any number, {port.at_least} at least" if port.at_least > 1 else "any number")
    elif port.many:
        words.append(f"as many as `{port.many}` says")
    return port.name, ", ".join(words) + ".", port.help


def _setting(setting: Setting) -> tuple[str, str, str]:
    wanted = setting.wanted() + (", or nothing" if setting.optional else "")
    words = f"{wanted[:1].upper()}{wanted[1:]}; default {texts.value(setting.default, setting)}."
    if setting.when:
        words += " Matters while " + " and ".join(f"`{n}` is {texts.value(v)}" for n, v in setting.when) + "."
    return setting.name, words, setting.help
