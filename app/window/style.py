"""The style sheet and the palette, from the theme's tokens: what makes the widgets one product."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

import resources
from app.window import log
from app.window.theme import Tokens, theme

_SHEET = """
QWidget {{ color: {text}; }}
QMainWindow, QDialog, #window {{ background: {window}; }}
QToolTip {{ background: {raised}; color: {text}; border: 1px solid {line}; border-radius: 6px; padding: 6px 8px; }}
#topbar, #panel, #statusline, QDialog {{ background: {panel}; }}
#design-name {{ text-align: left; font-weight: 500; }}
#topbar {{ border-bottom: 1px solid {line}; }}
#statusline {{ border-top: 1px solid {line}; }}
QSplitter::handle {{ background: {line}; }}
QSplitter::handle:hover {{ background: {accent}; }}
QLabel {{ background: transparent; }}
QLabel[role="wordmark"] {{ font-size: 15px; font-weight: 600; }}
QLabel[role="title"] {{ font-size: 14px; font-weight: 600; }}
QLabel[role="heading"] {{ font-weight: 600; color: {soft}; }}
QLabel[role="soft"] {{ color: {soft}; font-size: 12px; }}
QLabel[role="faint"] {{ color: {soft}; font-size: 11px; }}
QLabel[role="error"] {{ color: {error}; font-size: 12px; }}
QLabel[role="mono"] {{ font-family: "JetBrains Mono"; font-size: 12px; }}
QLabel[role="monosoft"] {{ font-family: "JetBrains Mono"; font-size: 11px; color: {soft}; }}
QFrame[role="line"] {{ background: {line}; border: none; }}
QFrame[role="card"] {{ background: {raised}; border: 1px solid {line}; border-radius: 9px; }}

QPushButton {{ background: {raised}; border: 1px solid {line}; border-radius: 6px; padding: 6px 14px; }}
QPushButton:hover {{ border-color: {faint}; }}
QPushButton:pressed {{ background: {line}; }}
QPushButton:focus {{ border-color: {accent}; }}
QPushButton:disabled {{ color: {faint}; }}
QPushButton[kind="primary"] {{ background: {accent}; color: {on_accent}; border: 1px solid {accent};
    font-weight: 600; }}
QPushButton[kind="primary"]:hover {{ background: {accent_hover}; border-color: {accent_hover}; }}
QPushButton[kind="primary"]:focus {{ border-color: {text}; }}
QPushButton[kind="primary"]:disabled {{ background: {raised}; color: {faint}; border-color: {line}; }}
QPushButton[kind="fix"] {{ color: {accent}; border-color: {accent}; font-weight: 500; padding: 3px 10px; }}
QPushButton[kind="fix"]:hover {{ background: {panel}; border-color: {text}; }}
QPushButton[kind="fold"] {{ background: transparent; border: 1px solid transparent; color: {soft}; padding: 2px 4px;
  text-align: left; }}
QPushButton[kind="fold"]:hover {{ color: {text}; }}
QPushButton[kind="fold"]:focus {{ border-color: {accent}; }}
QPushButton[kind="link"] {{ background: transparent; border: 1px solid transparent; color: {accent};
    padding: 2px 0; }}
QPushButton[kind="link"]:hover {{ text-decoration: underline; }}
QPushButton[kind="link"]:focus {{ border-color: {accent}; }}
QPushButton[kind="flat"] {{ background: transparent; border: 1px solid transparent; padding: 4px 10px; color: {soft}; }}
QPushButton[kind="flat"]:hover {{ background: {raised}; color: {text}; }}
QPushButton[kind="flat"]:focus {{ border-color: {accent}; }}
QPushButton[kind="chip"] {{ padding: 3px 10px; color: {soft}; }}
QPushButton[kind="chip"]:checked {{ border-color: {accent}; color: {text}; background: {panel}; font-weight: 500; }}
QPushButton[kind="chip"]:focus {{ border-color: {accent}; color: {text}; }}
QPushButton[state="error"] {{ color: {error}; }}
QPushButton[state="warning"] {{ color: {warn}; }}
QPushButton[state="ok"] {{ color: {soft}; }}
QToolButton {{ background: transparent; border: 1px solid transparent; border-radius: 6px; }}
QToolButton:hover {{ background: {raised}; }}
QToolButton:pressed, QToolButton:checked {{ background: {line}; }}
QToolButton:focus {{ border-color: {accent}; }}
QToolButton::menu-indicator {{ image: none; }}

QLineEdit, QComboBox, QAbstractSpinBox, QPlainTextEdit, QTextEdit {{
    background: {raised}; border: 1px solid {line}; border-radius: 6px; padding: 3px 8px; min-height: 20px;
    selection-background-color: {accent}; selection-color: {on_accent}; }}
QLineEdit:hover, QComboBox:hover, QAbstractSpinBox:hover {{ border-color: {faint}; }}
QLineEdit:focus, QComboBox:focus, QAbstractSpinBox:focus, QPlainTextEdit:focus {{ border-color: {accent}; }}
QLineEdit:disabled, QComboBox:disabled, QAbstractSpinBox:disabled {{ color: {faint}; }}
*[refused="true"] {{ border-color: {error}; }}
QLineEdit[role="name"] {{ background: transparent; border: 1px solid transparent; font-size: 14px; font-weight: 600;
    padding: 2px 4px; }}
QLineEdit[role="name"]:hover {{ border-color: {line}; }}
QLineEdit[role="name"]:focus {{ border-color: {accent}; background: {raised}; }}
QAbstractSpinBox {{ padding-right: 22px; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ subcontrol-origin: border; width: 20px; border: none;
    background: transparent; }}
QAbstractSpinBox::up-button {{ subcontrol-position: top right; margin-top: 2px; }}
QAbstractSpinBox::down-button {{ subcontrol-position: bottom right; margin-bottom: 2px; }}
QAbstractSpinBox::up-button:hover, QAbstractSpinBox::down-button:hover {{ background: {line}; border-radius: 3px; }}
QAbstractSpinBox::up-arrow {{ image: url("{icons}/chevron-up.svg"); width: 10px; height: 10px; }}
QAbstractSpinBox::down-arrow {{ image: url("{icons}/chevron-down.svg"); width: 10px; height: 10px; }}
QTextBrowser {{ background: transparent; border: none; padding: 0; }}
QComboBox {{ padding-right: 20px; }}
QComboBox::drop-down {{ border: none; width: 20px; }}
QComboBox::down-arrow {{ image: url("{icons}/chevron-down.svg"); width: 12px; height: 12px; }}
QComboBox QAbstractItemView {{ background: {panel}; border: 1px solid {line}; selection-background-color: {raised};
    selection-color: {text}; outline: none; padding: 4px; }}
QCheckBox::indicator, QListView::indicator, QTreeView::indicator {{ width: 16px; height: 16px;
    border: 1px solid {faint}; border-radius: 4px; background: {raised}; }}
QCheckBox::indicator:checked, QListView::indicator:checked, QTreeView::indicator:checked {{
    background: {accent}; border-color: {accent}; image: url("{icons}/check-on.svg"); }}
QCheckBox::indicator:focus {{ border-color: {accent}; }}
QCheckBox:disabled {{ color: {faint}; }}
QCheckBox::indicator:disabled, QCheckBox::indicator:checked:disabled {{ background: transparent;
    border-color: {line}; }}
QCheckBox::indicator:checked:disabled {{ image: url("{icons}/check-off.svg"); }}

QMenuBar {{ background: transparent; spacing: 0; }}
QMenuBar::item {{ padding: 6px 9px; border-radius: 6px; color: {soft}; background: transparent; }}
QMenuBar::item:selected {{ background: {raised}; color: {text}; }}
QMenu {{ background: {panel}; border: 1px solid {line}; padding: 5px; }}
QMenu::item {{ padding: 6px 26px 6px 12px; border-radius: 5px; }}
QMenu::item:selected {{ background: {raised}; }}
QMenu::item:disabled {{ color: {faint}; }}
QMenu::separator {{ height: 1px; background: {line}; margin: 5px 8px; }}
QMenu::indicator {{ width: 14px; height: 14px; margin-left: 4px; }}
QMenu::indicator:checked {{ image: url("{icons}/check.svg"); }}

QTabBar {{ background: transparent; qproperty-drawBase: 0; }}
QTabBar::tab {{ background: transparent; color: {soft}; padding: 9px 2px 7px 2px; margin: 0 10px;
    border: none; border-bottom: 2px solid transparent; }}
QTabBar::tab:hover {{ color: {text}; }}
QTabBar::tab:selected {{ color: {text}; border-bottom-color: {accent}; }}
QTabBar::tab:focus {{ color: {accent}; }}
QTabBar#drawings::tab {{ padding: 7px 6px 6px 10px; margin: 0; border-right: 1px solid {line}; }}
QTabBar#drawings::tab:selected {{ background: {canvas}; }}

QScrollArea, QScrollArea > QWidget > QWidget#content {{ background: transparent; border: none; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 2px; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 2px; }}
QScrollBar::handle {{ background: {line}; border-radius: 3px; min-height: 28px; min-width: 28px; }}
QScrollBar::handle:hover {{ background: {faint}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}

QTableView, QTreeView, QListView, QTreeWidget, QListWidget {{ background: transparent; border: none; outline: none;
    gridline-color: {line}; selection-background-color: {raised}; selection-color: {text}; }}
QTableView::item {{ padding: 0 8px; border: none; }}
QListWidget#pages::item {{ padding: 3px 8px; border: 1px solid transparent; border-radius: 5px; }}
QListWidget#pages::item:disabled {{ color: {soft}; }}
QListWidget#pages::item:hover {{ color: {accent}; }}
QListWidget#pages::item:selected {{ background: {raised}; color: {text}; }}
QListWidget#pages::item:selected:focus {{ border-color: {accent}; }}
QTreeView#layers::item {{ padding: 0 8px; height: 26px; border: none; }}
QTableView::item:selected, QTableView::item:hover, QTreeView#layers::item:selected, QTreeView#layers::item:hover {{
  background: {raised}; color: {text}; }}
QAbstractScrollArea::corner {{ background: transparent; border: none; }}
QHeaderView {{ background: transparent; border: none; }}
QHeaderView::section {{ background: {panel}; color: {soft}; border: none; border-bottom: 1px solid {line};
    padding: 5px 11px; font-size: 11px; }}
QTableCornerButton::section {{ background: {panel}; border: none; }}
QProgressBar {{ background: {raised}; border: none; border-radius: 3px; max-height: 6px; min-height: 6px;
    color: transparent; }}
QProgressBar::chunk {{ background: {accent}; border-radius: 3px; }}
QSlider::groove:horizontal {{ background: {line}; height: 4px; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {accent}; border-radius: 2px; }}
QSlider::handle:horizontal {{ background: {soft}; width: 14px; height: 14px; margin: -5px 0; border-radius: 7px; }}
QSlider::handle:horizontal:hover {{ background: {text}; }}
QSlider::handle:horizontal:focus {{ background: {accent}; }}
QFrame#problem {{ background: transparent; border: 1px solid transparent; border-radius: 6px; }}
QFrame#problem:hover {{ background: {raised}; }}
QFrame#problem:focus {{ border-color: {accent}; }}
"""


def apply(app: QApplication) -> None:
    """Dress the application in the theme; again after the theme has changed."""
    wanted = sheet(theme.tokens)
    if app.styleSheet() == wanted:
        return  # what is made under a sheet is dressed by it
    with _nothing_collected():
        if not app.styleSheet():
            app.setStyle(QStyleFactory.create("Fusion"))  # the same on every desktop; the sheet does the rest
        app.setPalette(_palette(theme.tokens))
        app.setStyleSheet(wanted)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Without Python's garbage collector.

    Qt goes over all widgets by bare pointers to dress them, and handlers in Python run in between. A widget that only
    refers to itself any more, as a dialog that was closed may, must not be deleted meanwhile.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def sheet(tokens: Tokens) -> str:
    """The style sheet in the colours of `tokens`."""
    colours = {name: getattr(tokens, name) for name in tokens.__dataclass_fields__ if name != "dark"}
    accent = QColor(tokens.accent)
    colours["accent_hover"] = (accent.lighter(112) if tokens.dark else accent.darker(112)).name()
    return _SHEET.format(**colours, icons=_icons(tokens).as_posix())


def _palette(tokens: Tokens) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for colour, roles in {
        tokens.window: (role.Window,), tokens.panel: (role.Base, role.ToolTipBase),
        tokens.raised: (role.Button, role.AlternateBase), tokens.soft: (role.PlaceholderText,),
        tokens.text: (role.Text, role.WindowText, role.ButtonText, role.ToolTipText),
        tokens.accent: (role.Highlight, role.Link), tokens.on_accent: (role.HighlightedText,), tokens.line: (role.Mid,),
    }.items():  # fmt: skip
        for one in roles:
            palette.setColor(one, QColor(colour))
    for one in (role.Text, role.WindowText, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, one, QColor(tokens.faint))
    return palette


def _icons(tokens: Tokens) -> Path:
    """A folder with the few icons that the sheet names, in this theme's colours (a sheet takes files only)."""
    from platformdirs import user_cache_dir

    folder = Path(user_cache_dir("netloom", appauthor=False)) / ("dark" if tokens.dark else "light")
    wanted = {
        "chevron-up": ("chevron-up", tokens.soft), "chevron-down": ("chevron-down", tokens.soft),
        "check": ("check", tokens.text), "check-on": ("check", tokens.on_accent),
        "check-off": ("check", tokens.faint),
    }  # fmt: skip
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, (source, colour) in wanted.items():
            text = resources.path("icons", f"{source}.svg").read_text(encoding="utf-8").replace("currentColor", colour)
            file = folder / f"{name}.svg"
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                file.write_text(text, encoding="utf-8")
    except OSError as error:
        log.write("window", f"the sheet's icons cannot be kept, so arrows are not drawn: {error}")
    return folder
