"""The learning-rate finder: a search, its plot with the rate that is advised, and a button that takes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QHBoxLayout

from app.messages.recipe import FindRate, RateFound
from app.window.curves import in_words
from app.window.document import Document
from app.window.fold import Fold
from app.window.parts import button, label
from app.window.rate_curve import RateCurve


class RateFinderBox(Fold):
    """Trains new weights for a hundred steps at rising rates when it is asked to; the drawing's own runs are untouched.

    `device` says where. `take` is called with the rate that the user takes.
    """

    def __init__(
        self, document: Document, engines: Any, device: Callable[[], str], take: Callable[[float], object]
    ) -> None:
        super().__init__("Learning-rate finder", "Try rates from small to large, and see where the loss falls")
        self._document, self._engines, self._device, self._take = document, engines, device, take
        self._job: Any = None
        self.found: RateFound | None = None
        self.search = button("Find a rate", "", "Train new weights for 100 steps while the rate rises from 1e-7 to 10")
        self.search.clicked.connect(self._clicked)
        self.use = button("", "", "Make this the recipe's learning rate")
        self.use.clicked.connect(self._use)
        self.said = label("", "soft", wrap=True)
        self.plot = RateCurve("Loss by learning rate", lambda x, y: f"rate {x:.2g}: loss {in_words(y)}", log=True)
        row = QHBoxLayout()
        row.addWidget(self.search)
        row.addWidget(self.use)
        row.addStretch(1)
        self.body.addLayout(row)
        self.body.addWidget(self.plot)
        self.body.addWidget(self.said)
        document.opened.connect(self._clear)
        self._clear()

    def _clear(self) -> None:
        if self._job is not None:
            job, self._job = self._job, None
            job.cancel()
        self._tell(None, "")

    def _clicked(self) -> None:
        if self._job is not None:
            self._job.cancel()
            return
        if self._engines.stopped:
            self._tell(None, "The engine is off: start it again first.")
            return
        if not self._document.design.recipe.data:
            self._tell(None, "Choose data first: the finder trains on it.")
            return
        job = self._job = self._engines.run(FindRate("", self._document.design, device=self._device()))
        self._tell(None, "Trying rates…")
        job.finished.connect(lambda found: self._ended(job, found, found.sentence))
        job.failed.connect(lambda sentence: self._ended(job, None, sentence))

    def _ended(self, job: Any, found: RateFound | None, sentence: str) -> None:
        if job is self._job:
            self._job = None
            self._tell(found, sentence)

    def _tell(self, found: RateFound | None, sentence: str) -> None:
        self.found = found
        self.search.setText("Cancel" if self._job is not None else "Find a rate")
        self.said.setText(sentence)
        self.said.setVisible(bool(sentence))
        points = [p for p in zip(found.rates, found.losses, strict=True) if math.isfinite(p[1])] if found else []
        self.plot.setVisible(len(points) > 1)
        rate = found.rate if found is not None else None
        if points:
            self.plot.show_points(points, (f"{points[0][0]:.1g}", f"{points[-1][0]:.2g}"), rate)
        self.use.setVisible(rate is not None)
        self.use.setText(f"Use {rate:g}" if rate is not None else "")

    def _use(self) -> None:
        if self.found is not None and self.found.rate is not None:
            self._take(self.found.rate)
