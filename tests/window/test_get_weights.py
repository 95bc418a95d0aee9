"""Get weights: nothing is fetched before the click; then the file is checked, kept and used. The server is a local
one."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.window.get_weights import GetWeightsDialog
from app.window.known_weights import KNOWN, KnownWeights, size_words

LEFT = Qt.MouseButton.LeftButton
DATA = bytes(range(256)) * 4096


class Server:
    """What it was asked for, and a gate before the second half of the file."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                if "absent" in self.path:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(DATA)))
                self.end_headers()
                half = len(DATA) // 2
                try:
                    self.wfile.write(DATA[:half])
                    outer.gate.wait(10)
                    if "short" not in self.path:
                        self.wfile.write(DATA[half:])
                except OSError:
                    pass

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def offer(server: Server, name: str, digest: str = "") -> KnownWeights:
    digest = digest or hashlib.sha256(DATA).hexdigest()[:8]
    return KnownWeights("Small", ("small",), f"{server.url}{name}", len(DATA), digest, "a test", "MIT", "nothing")


@pytest.fixture
def opened(qtbot: Any, server: Server, tmp_path: Path) -> Any:
    taken: list[str] = []

    def opened(*known: KnownWeights, drawn: tuple[str, ...] = ()) -> tuple[GetWeightsDialog, list[str]]:
        dialog = GetWeightsDialog(taken.append, drawn, known=known, folder=tmp_path / "weights")
        qtbot.addWidget(dialog)
        dialog.show()
        qtbot.waitExposed(dialog)
        return dialog, taken

    return opened


def test_it_is_fetched_on_a_click_alone_and_kept(opened: Any, server: Server, qtbot: Any, tmp_path: Path) -> None:
    dialog, taken = opened(offer(server, "small.pt"))
    for said in ("Source: a test", "Licence: MIT", "Size: 1.0 MB", f"Address: {server.url}small.pt"):
        assert said in dialog.facts.text()
    qtbot.wait(100)
    assert server.asked == [] and not (tmp_path / "weights").exists() and dialog.get.text() == "Download 1.0 MB"
    QTest.mouseClick(dialog.get, LEFT)
    qtbot.waitUntil(lambda: bool(taken))
    assert taken == [str(tmp_path / "weights" / "small.pt")] and Path(taken[0]).read_bytes() == DATA
    assert server.asked == ["/small.pt"] and not dialog.isVisible()
    again, _ = opened(offer(server, "small.pt"))
    assert again.get.text() == "Use"
    QTest.mouseClick(again.get, LEFT)
    assert len(taken) == 2 and len(server.asked) == 1, "what is there is not fetched again"


def test_cancel_keeps_nothing(opened: Any, server: Server, qtbot: Any, tmp_path: Path) -> None:
    dialog, taken = opened(offer(server, "small.pt"))
    server.gate.clear()
    QTest.mouseClick(dialog.get, LEFT)
    qtbot.waitUntil(lambda: dialog.bar.value() > 0)
    assert not dialog.get.isEnabled() and " of 1.0 MB" in dialog.said.text()
    QTest.mouseClick(dialog.cancel, LEFT)
    server.gate.set()
    qtbot.waitUntil(lambda: "cancelled" in dialog.said.text())
    assert dialog.isVisible() and dialog.get.isEnabled() and not taken
    assert list((tmp_path / "weights").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "digest", "why"),
    [("other.pt", "00000000", "its digest differs"), ("absent.pt", "", "cannot be reached"), ("short.pt", "", "Only ")],
)
def test_what_does_not_come_whole_is_said(
    opened: Any, server: Server, qtbot: Any, tmp_path: Path, name: str, digest: str, why: str
) -> None:
    dialog, taken = opened(offer(server, name, digest))
    QTest.mouseClick(dialog.get, LEFT)
    qtbot.waitUntil(lambda: why in dialog.said.text())
    assert not taken and list((tmp_path / "weights").iterdir()) == []


def test_what_fits_the_drawing_is_chosen_and_each_offer_says_all(opened: Any) -> None:
    dialog, _ = opened(*KNOWN, drawn=("resnet34",))
    assert dialog.chosen.networks == ("resnet34",)
    for each in KNOWN:
        assert each.url.startswith("https://") and each.licence and each.source and len(each.digest) == 8
        assert each.digest in each.file and each.bytes > 1e6
    assert [size_words(n) for n in (10, 46_830_571, 2 * 10**9)] == ["10 bytes", "46.8 MB", "2.00 GB"]


def test_a_closed_dialog_ends_its_download(opened: Any, server: Server, qtbot: Any, tmp_path: Path) -> None:
    dialog, taken = opened(offer(server, "small.pt"))
    server.gate.clear()
    QTest.mouseClick(dialog.get, LEFT)
    qtbot.waitUntil(lambda: dialog.bar.value() > 0)
    threading.Timer(0.2, server.gate.set).start()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible() and dialog._download is None and not taken
    assert list((tmp_path / "weights").iterdir()) == []
