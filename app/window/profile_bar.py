"""The bar over the canvas that measures: what is run, the whole time, and what the warmth on the nodes means."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from app.design.values import Design
from app.messages import Analysis, Devices
from app.messages.profile import GetProfile, Profile
from app.window import figures
from app.window.document import Document
from app.window.engines import Engines
from app.window.flow import Flow
from app.window.jobs import Job
from app.window.notice import Notice
from app.window.overlay_bar import Scale
from app.window.parts import IconButton, button, label
from app.window.sentences import plain

MOST_SAMPLES = 1_000_000
HIGH = 30
"""Of what stands in one line, in px."""
STOPPED = "The measurement was stopped."


class ProfileBar(QWidget):
    """Asks what to run and runs it; while it is open, the figures stand on the canvas."""

    closed = Signal()

    def __init__(self, document: Document, engines: Engines, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document, self._engines = document, engines
        self._job: Job | None = None
        self._waits = False
        """Whether it measures as soon as the drawing is checked."""
        self._asked: Design | None = None
        """What the measurement was wanted of."""
        self._crowded = False
        """Whether a run was under way when it was measured."""
        self.setObjectName("topbar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Measured time")
        self._build()
        document.timings.changed.connect(self._refresh)
        document.overlay.changed.connect(self._overlay_changed)
        document.analysed.connect(self._analysed)
        document.place_changed.connect(self._refresh)
        document.opened.connect(self._opened)
        engines.devices.connect(self._show_devices)
        if engines.last_devices is not None:
            self._show_devices(engines.last_devices)
        self._refresh()

    def _build(self) -> None:
        self.batch = QSpinBox()
        self.batch.setRange(1, MOST_SAMPLES)
        self.batch.setPrefix("batch ")
        self.batch.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.batch.setFixedWidth(124)
        self.batch.setToolTip("How many samples run at once")
        self.batch.setAccessibleName("Batch")
        self.passes = QComboBox()
        self.passes.addItem("Forward only", False)
        self.passes.addItem("Forward and backward", True)
        self.passes.setToolTip("Run it as it is used, or as it is trained: with dropout, losses and gradients")
        self.passes.setAccessibleName("Passes")
        self.device = QComboBox()
        self.device.setToolTip("Where it runs")
        self.device.setAccessibleName("Device")
        self.go = button("Measure", "primary", "Run the network on this machine, node by node")
        self.go.setObjectName("measure")
        self.go.clicked.connect(self._clicked)
        row = Flow(8)
        for widget in (label("Measured time", "heading"), self.batch, self.passes, self.device, self.go):
            widget.setFixedHeight(HIGH)
            row.addWidget(widget)
        self.close_button = IconButton("x", "Take the figures off the canvas", side=28)
        self.close_button.clicked.connect(self.closed)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addLayout(row, 1)
        top.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        self.notice = Notice()
        self.scale = Scale()
        low = QHBoxLayout()
        low.setSpacing(16)
        low.addWidget(self.notice, 1)
        low.addWidget(self.scale, 0, Qt.AlignmentFlag.AlignTop)
        box = QVBoxLayout(self)
        box.setContentsMargins(14, 7, 10, 7)
        box.setSpacing(6)
        box.addLayout(top)
        box.addLayout(low)

    def open(self) -> None:
        """Show it with the keys at the button that measures."""
        self.show()
        self.go.setFocus()
        self._document.overlay.show("time")

    def shut(self) -> None:
        """Take the figures off the canvas. What is being measured is stopped; what was measured stays in the table."""
        if self.busy:
            self.cancel()
        self.hide()
        if self._document.overlay.measure == "time":
            self._document.overlay.show("")

    def _overlay_changed(self) -> None:
        if self._document.overlay.measure == "time":
            self._refresh()
        elif self.isVisible():  # another measure is shown in its place
            self.shut()

    # measuring --------------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        return self._job is not None or self._waits

    def measure(self) -> None:
        """Measure the drawing as it is, once it is checked."""
        if self.busy:
            return
        if self._engines.stopped:
            self.notice.say("error", "The engine is off: start it again first.")
            return
        document, analysis = self._document, self._document.analysis
        self._asked = document.design
        if analysis is None or analysis.revision != document.revision:
            self._waits = True
        else:
            self._send(document.design, analysis)
        self._refresh()

    def _send(self, design: Design, analysis: Analysis) -> None:
        self._waits = False
        self._crowded = bool(self._engines.jobs)
        job = self._job = self._engines.run(
            GetProfile(
                "", design, batch=self.batch.value(), device=self.device.currentData() or "auto",
                precision=design.recipe.precision, training=bool(self.passes.currentData()),
            )
        )  # fmt: skip

        def answered(told: Profile) -> None:
            if self._job is job:
                self._job = None
                self._document.timings.take(told, design, analysis)
                self._refresh()

        def failed(sentence: str) -> None:
            if self._job is job:
                self._job = None
                self._refresh()
                self.notice.say("error", sentence)

        job.finished.connect(answered)
        job.failed.connect(failed)

    def cancel(self) -> None:
        """Stop measuring; what was measured before stays."""
        job, self._job, self._waits = self._job, None, False
        if job is not None:
            job.cancel()
        self._refresh()
        self.notice.say("info", STOPPED)

    def _clicked(self) -> None:
        self.cancel() if self.busy else self.measure()

    def _analysed(self) -> None:
        analysis = self._document.analysis
        if self._waits and analysis is not None and analysis.revision == self._document.revision:
            self._send(self._document.design, analysis)
            self._refresh()

    def _opened(self) -> None:
        if self.busy and self._document.design is not self._asked:
            self.cancel()  # it was another drawing
        self._refresh()

    # showing ----------------------------------------------------------------------------------------------------------

    def _show_devices(self, told: Devices) -> None:
        chosen = self.device.currentData()
        present = [device for device in told.devices if not device.absent and "*" not in device.id]
        self.device.clear()
        for device in present:
            self.device.addItem(device.title.split(",")[0], device.id)
        ids = [device.id for device in present]
        first = next((i for i, id in enumerate(ids) if id != "cpu"), 0)
        self.device.setCurrentIndex(ids.index(chosen) if chosen in ids else first)
        self.device.setVisible(len(ids) > 1)

    def _refresh(self) -> None:
        told = self._document.timings.profile
        self.go.setText("Cancel" if self.busy else "Measure again" if told is not None else "Measure")
        for widget in (self.batch, self.passes, self.device):
            widget.setEnabled(not self.busy)
        self.scale.setVisible(told is not None)
        if self.busy:
            self.notice.say("info", "Measuring…")
        elif told is None:
            self.notice.say("info", "Choose what to run, then measure. It takes two seconds, longer where a pass does.")
        else:
            old = self._document.timings.outdated
            said = summary(told, old=old, crowded=self._crowded)
            if any(part.isdigit() for part in self._document.id_path("").split("/")):
                said += " Of a Group that repeats, the first time is shown here."
            self.notice.say("warn" if old else "none", said)
            if self._document.overlay.measure == "time":
                legend = self._document.overlay.legend()
                tip = f"A node's share of the time: the warmest one here took {legend.high}"
                self.scale.show_legend(legend, tip)

    @property
    def text(self) -> str:
        """What it says."""
        return plain(self.notice.text)


def summary(told: Profile, *, old: bool = False, crowded: bool = False) -> str:
    """The whole time, how it was measured, and how far the nodes account for it."""
    whole = f"{figures.duration(told.time)} a pass"
    if told.training:
        whole += f" ({figures.duration(told.forward)} forward, {figures.duration(told.backward)} backward)"
    else:
        whole += f" (± {figures.duration(told.forward_spread)})"
    threads = f", {told.threads} thread{'s' * (told.threads != 1)}" if told.threads else ""
    how = f"{told.title}{threads}, batch {told.batch:,}"
    how += f", precision {told.precision}" if told.precision != "32" else ""
    parts = [f"{whole}. {how}, {told.repeats} repeats; the nodes add up to {figures.duration(told.attributed)}."]
    if told.stand_in:
        parts.append("There is no loss yet: a plain one stood in.")
    if crowded:
        parts.append("A run was under way: it took longer than by itself.")
    if old:
        parts.append("The drawing has changed since.")
    return " ".join(parts)
