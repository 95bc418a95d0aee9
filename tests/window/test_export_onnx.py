"""What can be chosen of an ONNX file, and its certificate as a picture; a fake plays the engine's part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel

from app.design.usual import usual_loss
from app.design.values import DataStep, Design, Recipe, Settings
from app.messages import Analysis, Export, Exported, Failed, Ready, Trained, decode_reply, encode
from app.messages.onnx import Certificate, Compared, Diverged, Judged, OnnxOptions
from app.messages.reports import NodeReport, Problem
from app.window.document import Document
from app.window.export_dialog import ExportDialog
from app.window.jobs import Job
from app.window.main_window import MainWindow
from app.window.runs import Runs
from app.window.theme import theme
from tests.window.fake_engines import CARDS, FakeEngines, small_design
from tests.window.test_access import cut, faults

LEFT = Qt.MouseButton.LeftButton
NORMALISED = Recipe(data="digits", augment=(DataStep("normalise"),))


def certificate(*, passed: bool = True, judged: Judged = "equality") -> Certificate:
    compared = tuple(
        Compared(output, batch, ((batch, 1, size, size),), 2e-6 if passed else 0.3, 1e-6 if passed else 0.04, passed)
        for output in ("answer", "map") for batch in (1, 4) for size in (8, 16)
    )  # fmt: skip
    operators = {f"Op{n}": n for n in range(1, 14)}
    first = None if passed else Diverged("linear", "Linear", "Gemm", 0.3, 0.04)
    return Certificate(
        "digits", "", "digits.onnx", 20_480, "9f2c" * 16, 18, "fp16", passed, judged, True, True, compared, 1e-3,
        operators, 8.1, 14.6, first, ("The inputs are pixels from 0 to 1.",), {"onnx": "1.20"},
    )  # fmt: skip


@dataclass
class Made:
    document: Document
    engines: FakeEngines
    dialog: ExportDialog

    def tick(self, name: str) -> None:
        box = getattr(self.dialog.onnx, name)
        QTest.mouseClick(box, LEFT, pos=QPoint(8, box.height() // 2))

    def export(self) -> Any:
        QTest.mouseClick(self.dialog.export_button, LEFT)
        return self.engines.started[-1]

    def finish(self, job: Any, told: Certificate | None = None, **more: bytes) -> None:
        job.files["digits.onnx"] = b"x" * 2048
        job.files |= {name.replace("_", "."): data for name, data in more.items()}
        beside = tuple((name.replace("_", "."), len(data)) for name, data in more.items())
        job.finished.emit(Exported(job.request.job, "digits.onnx", 2048, ("Checked.",), 1e-7, beside, told))


Maker = Callable[..., Made]


@pytest.fixture
def make(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    monkeypatch.chdir(tmp_path)

    def made(design: Design | None = None, document: Document | None = None) -> Made:
        engines = FakeEngines()
        if document is None:
            document = Document()
            document.set_catalogue(CARDS)
            document.load(design or small_design(data="digits"), None, "digits")
        dialog = ExportDialog(document, engines, Runs.of(document, engines))
        qtbot.addWidget(dialog)
        dialog.show()
        return Made(document, engines, dialog)

    return made


def test_what_is_chosen_is_asked_for_and_remembered(make: Maker) -> None:
    design = usual_loss(small_design(data="digits"), None, {card.id: card for card in CARDS})
    made = make(replace(design, recipe=NORMALISED))
    form = made.dialog.onnx
    assert made.export().request.onnx == OnnxOptions() and not form.why.isVisible()
    made.dialog.reject()
    made = make(document=made.document)
    form = made.dialog.onnx
    for name in ("any_batch", "any_size", "preprocess", "probabilities", "separate_data"):
        made.tick(name)
    form.opset.setFocus()
    QTest.keyClick(form.opset, Qt.Key.Key_Down)
    form.precision.setFocus()
    assert not form.calibration.isVisible()
    QTest.keyClick(form.precision, Qt.Key.Key_End)
    assert form.precision.currentText() == "8 bits, calibrated" and form.calibration.isVisible()
    form.calibration.setValue(12)
    wanted = OnnxOptions(23, "int8-static", False, True, True, True, True, True, 12)
    request = made.export().request
    assert request.onnx == wanted and request.name == "digits"
    again = make(document=made.document)
    assert again.dialog.onnx.options == wanted and again.dialog.onnx.any_size.isChecked(), "for the session"
    assert make().dialog.onnx.options == OnnxOptions(), "of another drawing board nothing is known"


def test_what_cannot_apply_is_off_and_says_why(make: Maker) -> None:
    plain = small_design()
    flat = replace(plain, nodes=(replace(plain.nodes[0], settings=Settings(size=(12,))), *plain.nodes[1:]))
    made = make(flat)
    form = made.dialog.onnx
    why = form.why.text().split("\n")
    assert why == [
        "Any image size: not here, no Input is an image", "Normalise inside: not here, the recipe has no step that "
        "normalises", "Probabilities: not here, no loss says what scores mean",
        "8 bits, calibrated: not here, the recipe names no data to measure on",
    ]  # fmt: skip
    ticks = (form.any_size, form.preprocess, form.probabilities)
    assert not form.postprocess.isEnabled() and form.postprocess.toolTip() == "Not here: no block decodes boxes"
    for tick, said in zip(ticks, why, strict=False):
        assert not tick.isEnabled() and not tick.isChecked()
        assert tick.toolTip() == "Not here: " + said.partition(": not here, ")[2]
    form.precision.setFocus()
    QTest.keyClick(form.precision, Qt.Key.Key_End)
    assert form.precision.currentText() == "8 bits, weights" and form.options == OnnxOptions(precision="int8")


def test_the_weights_are_those_of_a_run_a_file_or_none(
    make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make()
    runs = Runs.of(made.document, made.engines)
    for n in (1, 2):
        runs.start(NORMALISED, "auto")
        made.engines.started[-1].finished.emit(Trained("", f"runs/digits-{n}", False, 3, Settings()))
    made = make(document=made.document)
    choice = made.dialog.weights
    assert [choice.list.itemText(n) for n in range(3)] == [
        "Trained, of the run digits-2", "Trained, of the run digits-1", "Untrained",
    ]  # fmt: skip
    file = str(tmp_path / "best.safetensors")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", staticmethod(lambda *_: (file, "")))
    QTest.mouseClick(choice.browse, LEFT)
    QTest.mouseClick(choice.browse, LEFT)
    assert choice.currentText() == "File best.safetensors" and choice.list.count() == 4
    request = made.export().request
    assert (request.run, request.weights) == ("", file)


def test_all_files_arrive_the_model_last_and_none_without_the_others(make: Maker, tmp_path: Path) -> None:
    made = make()
    job = made.export()
    made.finish(job, None, digits_onnx_data=b"weights", digits_certificate_json=b"{}")
    assert made.dialog.notice.text == (
        "digits.onnx is written, 2.0 kB; beside it digits.certificate.json and digits.onnx.data."
    )
    assert (tmp_path / "digits.onnx.data").read_bytes() == b"weights"
    times = [(tmp_path / name).stat().st_mtime_ns for name in ("digits.onnx.data", "digits.certificate.json")]
    assert max(times) <= (tmp_path / "digits.onnx").stat().st_mtime_ns
    for name in ("digits.onnx", "digits.onnx.data"):
        (tmp_path / name).unlink()
    job = made.export()
    job.files["digits.onnx"] = b"x" * 2048
    job.finished.emit(Exported("", "digits.onnx", 2048, (), None, (("digits.onnx.data", 7),)))
    assert "Only 0 of 7 bytes of digits.onnx.data arrived, so nothing was written" in made.dialog.notice.text
    assert not (tmp_path / "digits.onnx").exists()
    job = made.export()
    job.files |= {"digits.onnx": b"x" * 2048, "../../out": b"weights"}
    job.finished.emit(Exported("", "digits.onnx", 2048, (), None, (("../../out", 7),)))
    assert (tmp_path / "out").read_bytes() == b"weights", "a name from the pipe is no path"


def test_a_certificate_is_a_picture(make: Maker) -> None:
    made = make()
    made.finish(made.export(), certificate())
    dialog, page = made.dialog, made.dialog.certificate
    assert page.isVisible() and not dialog.form.isVisible() and not page.diverged.isVisible()
    assert page.verdict.text() == "Passed"
    assert page.summary.text() == (
        "ONNX Runtime gives what torch gives at 4 batch and image sizes; the largest difference is 1.0e-6."
    )
    answer, _other = page.differences
    assert [(bar.name, bar.value, bar.token) for bar in answer.bars[:2]] == [
        ("batch 1, 1×8×8", "1.0e-6", "ok"), ("batch 1, 1×16×16", "1.0e-6", "ok"),
    ]  # fmt: skip
    assert answer.mark is not None and answer.bars[0].share < answer.mark
    assert [bar.name for bar in page.operators.bars[:2]] == ["Op13", "Op12"]
    assert page.operators.bars[-1].name == "3 more kinds" and page.operators.bars[-1].value == "6"
    assert [bar.value for bar in page.times.bars] == ["8.1 ms", "14.6 ms"]
    assert page.times.accessibleName() == "Time for one sample: ONNX Runtime 8.1 ms; torch 14.6 ms"
    QTest.mouseClick(dialog.copy_button, LEFT)
    copied = QApplication.clipboard().text()
    assert copied.startswith("Passed: digits.onnx\n") and "SHA-256: " + "9f2c" * 16 in copied and "16 bits" in copied
    for mode in ("light", "dark"):
        theme.set_mode(mode)
        drawn = answer.grab().toImage()
        scale, left = drawn.devicePixelRatio(), answer._place(0)
        at = QPoint(round((left.x() + 6) * scale), round(left.center().y() * scale))
        assert drawn.pixelColor(at) == theme.color("ok")
    for wide, high in ((960, 640), (776, 480)):
        dialog.resize(wide, high)
        QApplication.processEvents()
        assert cut(dialog) == [] and faults(dialog) == []
    QTest.mouseClick(dialog.back_button, LEFT)
    assert dialog.form.isVisible() and not page.isVisible() and dialog.export_button.isVisible()


def test_8_bits_are_not_called_equal(make: Maker) -> None:
    made = make()
    page = made.dialog.certificate
    for judged, last in (
        ("metrics", "Metrics as in torch, within ten points"),
        ("bound", "Not broken by 8 bits; no metric was measured"),
    ):  # fmt: skip
        made.finish(made.export(), certificate(judged=judged))
        assert page.verdict.text() == "Passed" and page._checks.itemAt(2).widget().accessibleName() == f"{last}: passed"
        assert page.summary.text().startswith("8 bits do not give torch's numbers: ")
        assert {bar.token for bars in page.differences for bar in bars.bars} == {"warn"}
        QTest.mouseClick(made.dialog.back_button, LEFT)


def test_where_numbers_part_is_named_and_shown_on_the_canvas(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    window = MainWindow()
    qtbot.addWidget(window)
    window.document.set_catalogue(CARDS)
    window.document.load(small_design(data="digits"), None, "digits")
    window.show()
    reports = (NodeReport("linear", "linear", "", "linear", "Linear"),)
    window.document.set_analysis(Analysis(window.document.revision, valid=True, partial=False, nodes=reports))

    def drive(dialog: ExportDialog) -> None:
        dialog.show()
        dialog._engines = FakeEngines()
        made = Made(window.document, dialog._engines, dialog)
        job = made.export()
        job.certified.emit(certificate(passed=False))
        job.failed.emit("`answer` differs by 0.3 from torch: the model is not written.")
        assert dialog.notice.text.endswith("the model is not written.") and not dialog.busy
        assert not (tmp_path / "digits.onnx").exists()
        page = dialog.certificate
        assert page.verdict.text() == "Not passed" and page.diverged.text == (
            "The numbers part at linear (Linear, operator Gemm): its inputs agree, its output differs by 0.3, 4.0% of "
            "its largest value."
        )
        assert page.differences[0].bars[0].token == "error"
        words = [label.text() for label in page.findChildren(QLabel)]
        assert "ONNX Runtime gives other numbers than torch for answer, map." in [page.summary.text(), *words]
        QTest.mouseClick(page.diverged.button("Show it on the canvas"), LEFT)
        assert not dialog.isVisible()

    monkeypatch.setattr(ExportDialog, "exec", drive)
    window.export("onnx")
    assert window.canvas.selected_ids() == ["linear"]


def test_what_stands_in_the_way_is_said_before_one_presses(make: Maker) -> None:
    made = make()
    document, dialog = made.document, made.dialog
    shown: list[bool] = []
    dialog.problems_wanted.connect(lambda: shown.append(True))

    def analysed(*problems: Problem) -> None:
        valid = not any(p.severity == "error" for p in problems)
        document.set_analysis(Analysis(document.revision, valid=valid, partial=False, problems=problems))

    said = Problem("error", "linear", "linear", "", "linear", "x", "rank", "linear: `x` needs features; flatten it")
    assert not dialog.standing.isVisible() and dialog.export_button.isEnabled()
    analysed(said, replace(said, message="flatten: it is shut"))
    assert dialog.standing.text == (
        "This is to be mended before an export: linear: `x` needs features; flatten it. So is 1 more."
    )
    QTest.keyClick(dialog.path, Qt.Key.Key_Return)
    assert not dialog.export_button.isEnabled() and made.engines.started == []
    dialog.choose("csv")
    assert not dialog.standing.isVisible() and dialog.export_button.isEnabled(), "a table tells of the valid part"
    dialog.choose("onnx")
    analysed(replace(said, severity="warning", code="export-exempt", message="linear: it does not export: it is odd"))
    assert dialog.export_button.isEnabled()
    assert dialog.standing.text == "The export may fail. linear: it does not export: it is odd."
    analysed(replace(said, severity="warning", code="export-batch", message="linear: its code bakes the batch in"))
    assert dialog.standing.text.startswith("The export may fail. linear: its code bakes")
    made.tick("any_batch")
    assert not dialog.standing.isVisible(), "where one sample at a time is wanted, that is no matter"
    made.tick("any_batch")
    QTest.mouseClick(dialog.standing.button("Show problems"), LEFT)
    assert shown == [True] and not dialog.isVisible()


def test_images_of_any_size_are_looked_into_once_they_are_wanted(make: Maker) -> None:
    made = make()
    wanted: list[bool] = []
    made.dialog.any_size_wanted.connect(wanted.append)
    made.tick("any_size")
    made.tick("any_batch")
    made.tick("any_size")
    assert wanted == [True, True, False]


class Pipe(QObject):
    """An engine process of which a test writes the replies."""

    message = Signal(object)
    ended = Signal(str)
    ready = Ready("", "")

    def send(self, request: Any) -> None:
        self.asked = request


def test_a_certificate_crosses_with_the_failure_and_is_told_first(qapp: object) -> None:
    pipe = Pipe()
    job = Job(Export("j", small_design()), pipe)  # type: ignore[arg-type]
    told: list[object] = []
    job.certified.connect(told.append)
    job.failed.connect(told.append)
    pipe.message.emit(decode_reply(encode(Failed("It differs.", "j", certificate=certificate(passed=False)))))
    assert told == [certificate(passed=False), "It differs."] and not job.alive
