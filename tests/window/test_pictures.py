"""Pictures of the drawing, made in a process of their own as the command line does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QColor, QImage

from app.design import edits, file
from app.design.values import Design, End, Group, Node, Wire
from app.messages import Analysis, Catalogue, encode
from app.messages.reports import NodeReport, PortShape, Tensor
from app.window import theme as themes
from app.window.document import Document
from app.window.pictures import Look, document_of, image, main, pdf, svg
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
    "image", "image", "", "image", "Input", outputs=(PortShape("out", "tensor", (Tensor((1, 3, 32, 32)),)),),
    parameters=1500,
)
ANALYSIS = Analysis(0, True, False, nodes=(REPORT,))
SVG = "{http://www.w3.org/2000/svg}"
MIDDLE = QPoint(30, 40)
"""A place on the body of the first node, at 1 px a unit."""


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


def test_without_a_display_pictures_are_drawn(files: Path) -> None:
    done = make(files, "d.png", "--analysis", "analysis")
    assert done.returncode == 0, done.stderr
    picture = QImage(str(files / "d.png"))
    assert picture.width() > 600
    assert picture.pixelColor(2, 2) == QColor(themes.DARK.canvas)
    done = make(files, "d.svg", "--analysis", "analysis", "--light", "--transparent", "--overlay", "parameters")
    assert done.returncode == 0, done.stderr
    text = (files / "d.svg").read_text(encoding="utf-8")
    assert "3×32×32" in text and "backbone" in text
    assert "<rect" not in text and "1.50 k, 100 %" in text and "<title>d</title>" in text


def test_a_file_of_another_kind_gives_one_line_and_2(files: Path) -> None:
    done = make(files, "d.png", "--analysis", "catalogue")
    assert done.returncode == 2
    assert done.stderr.strip() == "catalogue holds the message Catalogue, but Analysis is needed"
    assert not (files / "d.png").exists()


def test_a_name_of_another_kind_is_refused_before_anything_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--drawing", "d.gif", "--design", "d.netloom", "--catalogue", "catalogue"])
    assert ended.value.code == 2 and "must end in .png, .svg or .pdf" in capsys.readouterr().err


# in this process ------------------------------------------------------------------------------------------------------


@pytest.fixture
def document(qapp: object) -> Document:
    themes.load_fonts()
    made = document_of(DESIGN, {card.id: card for card in CARDS}, ANALYSIS)
    made.name = "two <nodes>"
    return made


def sized(text: str) -> tuple[float, float]:
    """Width and height of an SVG in CSS pixels; it says them in millimetres."""
    root = ElementTree.fromstring(text)
    wide, high = (float(root.attrib[side].removesuffix("mm")) for side in ("width", "height"))
    return wide * 96 / 25.4, high * 96 / 25.4


def said(text: str) -> list[str]:
    return [(node.text or "") for node in ElementTree.fromstring(text).iter(f"{SVG}text")]


def boxes_of(data: bytes) -> list[list[float]]:
    return [[float(n) for n in found.split()] for found in re.findall(rb"/MediaBox \[([^\]]*)\]", data)]


def test_a_picture_leaves_the_windows_colours_alone(document: Document) -> None:
    kept = theme.tokens
    made = image(document, Look(dark=kept is themes.LIGHT, scale=1.0))
    assert theme.tokens is kept
    assert made.pixelColor(1, 1) == QColor((themes.DARK if kept is themes.LIGHT else themes.LIGHT).canvas)


def test_pixels_can_be_clear_and_as_many_as_wanted(document: Document) -> None:
    one = image(document, Look(dark=False, transparent=True, scale=1.0))
    assert one.pixelColor(1, 1).alpha() == 0 and one.pixelColor(MIDDLE).alpha() == 255, "the body of a node"
    three = image(document, Look(dark=False, scale=3.0))
    assert abs(three.width() - 3 * one.width()) <= 3 and three.pixelColor(3, 3).alpha() == 255
    for bare in ("image", "backbone"):
        part = image(document, Look(only=(bare,), scale=1.0))
        assert part.width() < one.width() - 200 and part.height() <= one.height()


def test_an_svg_is_text_with_its_widths_and_faces_that_exist_elsewhere(document: Document) -> None:
    text = svg(document, Look(dark=False)).decode()
    root = ElementTree.fromstring(text)
    assert (root.findtext(f"{SVG}title") or "") == "two <nodes>"
    assert {"image", "backbone", "3×32×32"} <= set(said(text)) and "<image" not in text
    pixels = image(document, Look(scale=1.0))
    assert sized(text) == pytest.approx((pixels.width(), pixels.height()), abs=1)
    texts = list(root.iter(f"{SVG}text"))
    assert all(node.attrib["font-family"].endswith(("sans-serif", "monospace")) for node in texts)
    widths = {node.text: float(node.attrib["textLength"]) for node in texts}
    assert 0 < widths["image"] < widths["backbone"] < 120
    assert themes.LIGHT.canvas in text.split("<rect")[0] and text.count("<rect") == 1, "the ground"
    clear = svg(document, Look(dark=False, transparent=True, labels=False)).decode()
    assert "<rect" not in clear and "3×32×32" not in said(clear)
    assert "backbone" not in said(svg(document, Look(only=("image",))).decode())


def test_a_pdf_is_one_page_of_the_drawings_size_with_its_fonts_in_it(document: Document) -> None:
    data = pdf(document, Look(dark=False))
    assert data.startswith(b"%PDF-1.") and data.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type /Page\b(?!s)", data)) == 1
    pixels = image(document, Look(scale=1.0))
    (box,) = boxes_of(data)
    assert box[:2] == [0, 0] and box[2:] == pytest.approx([pixels.width() * 0.75, pixels.height() * 0.75], abs=1.5)
    faces = set(re.findall(rb"/FontName /\w+\+([\w-]+)", data))
    assert faces == {b"Inter-Regular", b"Inter-SemiBold", b"JetBrainsMono-Regular"}
    assert data.count(b"/FontFile2") == len(faces) and b"/Subtype /Image" not in data, "text, not pixels"


def test_a_very_long_drawing_still_fits_on_a_page_and_keeps_its_details(document: Document) -> None:
    document.edit("Move", lambda d: edits.move(d, "", {"backbone": (40_000, 0)}))
    data = pdf(document, Look())
    assert boxes_of(data)[0][2] == pytest.approx(14_400, abs=1) and b"JetBrainsMono" in data
    made = image(document, Look())
    assert made.width() == 16_000


def test_the_overlay_comes_with_its_legend(document: Document) -> None:
    bare = svg(document, Look()).decode()
    document.overlay.show("parameters")
    shown = svg(document, Look()).decode()
    assert sized(shown)[1] > sized(bare)[1] and "Parameters" in said(shown) and "Parameters" not in said(bare)
    assert {"1.50 k, 100 %", "1.50 k in all"} <= set(said(shown))
    assert said(svg(document, Look(overlay=False)).decode()) == said(bare)


def test_inside_a_group_that_is_what_is_drawn(document: Document) -> None:
    inner = Group(name="stage", nodes=(Node("in", block="GroupInput"), Node("inner", block="ResNet", x=260)))
    document.load(Design(nodes=(Node("stage", group="stage"),), groups=(inner,)), None)
    assert "inner" not in said(svg(document, Look()).decode())
    document.enter("stage")
    assert "inner" in said(svg(document, Look()).decode())
