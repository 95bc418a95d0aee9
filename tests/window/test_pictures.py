"""Pictures of the drawing, made in a process of their own as the command line does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QImage

from app.design import file
from app.design.values import Design, End, Node, Wire
from app.messages import Analysis, Catalogue, encode
from app.messages.reports import NodeReport, PortShape, Tensor
from app.window import theme as themes
from app.window.pictures import draw_design
from app.window.theme import theme
from blocks.card import Card, Port

CARDS = (
    Card("Input", "Input", "Ends", outputs=(Port("out", "B C H W"),)),
    Card(
        "ResNet", "ResNet", "Backbone", inputs=(Port("x", "B C H W"),), outputs=(Port("out", "[B c h w]", "pyramid"),)
    ),
)
DESIGN = Design(
    nodes=(Node("image", block="Input"), Node("backbone", block="ResNet", x=260)),
    wires=(Wire(End("image", "out"), End("backbone", "x")),),
)
REPORT = NodeReport(
    "image", "image", "", "image", "Input", outputs=(PortShape("out", "tensor", (Tensor((1, 3, 32, 32)),)),)
)
ANALYSIS = Analysis(0, True, False, nodes=(REPORT,))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "d.netloom").write_bytes(file.dumps(DESIGN))
    (tmp_path / "catalogue").write_bytes(encode(Catalogue(CARDS)))
    (tmp_path / "analysis").write_bytes(encode(ANALYSIS))
    return tmp_path


def make(files: Path, out: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "app.window.pictures", "--drawing", out, "--design", "d.netloom"]
    command += ["--catalogue", "catalogue", *more]
    root = str(Path(__file__).resolve().parents[2])
    bare = {k: v for k, v in os.environ.items() if k not in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")}
    environment = bare | {"PYTHONPATH": root}
    return subprocess.run(command, cwd=files, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_without_a_display_a_png_and_an_svg_are_drawn(files: Path) -> None:
    done = make(files, "d.png", "--analysis", "analysis")
    assert done.returncode == 0, done.stderr
    picture = QImage(str(files / "d.png"))
    assert picture.width() > 600
    assert picture.pixelColor(2, 2) == QColor(themes.DARK.canvas)
    done = make(files, "d.svg", "--analysis", "analysis", "--light")
    assert done.returncode == 0, done.stderr
    text = (files / "d.svg").read_text(encoding="utf-8")
    assert "3×32×32" in text and "backbone" in text


def test_a_file_of_another_kind_gives_one_line_and_2(files: Path) -> None:
    done = make(files, "d.png", "--analysis", "catalogue")
    assert done.returncode == 2
    assert done.stderr.strip() == "catalogue holds the message Catalogue, but Analysis is needed"
    assert not (files / "d.png").exists()


def test_a_picture_leaves_the_windows_colours_alone(qapp: object) -> None:
    kept = theme.tokens
    picture = draw_design(DESIGN, {card.id: card for card in CARDS}, None, dark=kept is themes.LIGHT, scale=1.0)
    assert theme.tokens is kept
    assert picture.pixelColor(1, 1) == QColor((themes.DARK if kept is themes.LIGHT else themes.LIGHT).canvas)
