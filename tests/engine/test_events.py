"""The event file of a run, read back: with TensorBoard's own reader where it is installed, else record by record."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path

import pytest

from app.engine.runs import RunError, RunFolder, read_metrics
from app.engine.train import train
from tests.engine.designs import SHORT, digits

Scalars = dict[str, list[tuple[int, float]]]


def records(path: Path) -> list[bytes]:
    """The records of a TFRecord file: length (u64), its checksum, the bytes, their checksum; little endian."""
    from tensorboardX.record_writer import masked_crc32c

    data, found, at = path.read_bytes(), [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        assert struct.unpack_from("<I", data, at + 8)[0] == masked_crc32c(data[at : at + 8])
        body = data[at + 12 : at + 12 + size]
        assert len(body) == size and struct.unpack_from("<I", data, at + 12 + size)[0] == masked_crc32c(body)
        found.append(body)
        at += size + 16
    return found


def by_records(folder: Path) -> Scalars:
    """What TensorBoard shows of a folder: a session that starts at a step takes away what is from that step on."""
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    found: Scalars = {}
    for path in sorted(folder.iterdir()):
        events = [Event.FromString(body) for body in records(path)]
        assert events[0].file_version == "brain.Event:2"
        for event in events[1:]:
            if event.HasField("session_log") and event.session_log.status == SessionLog.START:
                found = {tag: [p for p in line if p[0] < event.step] for tag, line in found.items()}
            for value in event.summary.value:
                if value.HasField("histo"):
                    continue
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def by_tensorboard(folder: Path) -> Scalars:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    reader.Reload()
    return {tag: [(e.step, e.value) for e in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def scalars(folder: Path) -> Scalars:
    return by_tensorboard(folder) if importlib.util.find_spec("tensorboard") else by_records(folder)


def assert_same_as_table(run: Path) -> None:
    expected: Scalars = {}
    for row in read_metrics(run / "metrics.csv"):
        expected.setdefault(f"{row.name}/{row.split}", []).append((row.step, row.value))
    found = scalars(run / "events")
    assert set(found) == set(expected)
    for tag, line in expected.items():
        assert [step for step, _ in found[tag]] == [step for step, _ in line], tag
        assert [value for _, value in found[tag]] == pytest.approx([value for _, value in line], rel=1e-6), tag


def test_a_run_and_a_resumed_one_are_what_the_table_says(tmp_path: Path) -> None:
    run = tmp_path / "run"
    asked = iter(range(10**9))
    train(digits(), SHORT, run=run, device="cpu", cancelled=lambda: next(asked) >= 27)
    assert_same_as_table(run)
    again = RunFolder(run, digits(), resume=True)  # a process that wrote on after the checkpoint and was killed
    again.write(2, 30, "train", {"loss": 99.0, "accuracy": 0.0})
    again.close()
    train(digits(), SHORT, run=run, device="cpu", resume=True)
    assert_same_as_table(run)
    assert {"loss/train", "loss/validation", "loss/test", "accuracy/train"} <= set(scalars(run / "events"))


def test_events_that_cannot_be_written_end_in_a_sentence(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", digits())
    (tmp_path / "run" / "events").write_text("in the way")
    with pytest.raises(RunError, match=r"events cannot be written: "):
        folder.write(1, 5, "train", {"loss": 0.5})
    folder.close()
