"""The certificates of the zoo: `python -m tests.zoo.certificates [NAME...]` exports the networks and writes the table.

Each network is exported at its full size, with any batch and, where it allows that, any size of image, and compared
with torch at batch 1 and 4 and at two sizes. Weights are random, but such that the answers hang on the samples
(`tests.alive.enliven`). What was measured goes into `examples/zoo/certificates.json` at once, from which
`examples/zoo/CERTIFICATES.md` is made: a run that was stopped goes on where it stopped. Without names those are taken
that are not in the table, and then those that were measured by other code, the smallest first; with `--page` only the
page is made. All of it takes some hours, a network at a time, each in a process of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from app.engine.compile import compile_design, shared_analyser
from app.engine.patience import HungError, limited
from app.engine.to_onnx import ExportError, Facts, export_onnx
from app.engine.to_onnx.trace import quiet
from app.messages.onnx import Certificate, OnnxOptions
from examples import zoo
from tests.alive import enliven
from tests.exporter import share_the_registry
from tests.layers import drawn

FOLDER = Path(zoo.__file__).resolve().parent
STORE, PAGE = FOLDER / "certificates.json", FOLDER / "CERTIFICATES.md"
ROOT = FOLDER.parent.parent
CODE = ("blocks", "app/engine/to_onnx", "app/engine/certify")
"""What a certificate hangs on, besides the design and the versions of torch and of the ONNX packages."""
BATCHES = (1, 4)
PATIENCE = 400
"""Seconds of the processor after which any size is given up: what the largest windowed networks ask of sizes takes
torch's exporter minutes to work out."""
HEAVY = 5 * 10**9
"""MACs from which on batch norms see 4 samples first instead of 16: large images have pixels enough."""
HEAD = """# The zoo's certificates

What `netloom export NAME --to onnx` was held to for the networks of the [zoo](README.md): the ONNX checker and strict
shape inference pass, and ONNX Runtime gives torch's numbers at batch 1 and 4 and, where the network allows it, at two
sizes of image in one file. *Difference* is the largest of any output, and that as a share of the output's largest
value; a thousandth is allowed. Weights are random, but such that the answers hang on the samples. Times are those of
one sample on one core, while other work ran beside some of them. All of it is made by
`python -m tests.zoo.certificates`.
"""


def measure(name: str) -> dict[str, Any]:
    """Export a network of the zoo and say what its certificate says; `error` is why it has none."""
    design = drawn(name)
    torch.manual_seed(0)
    network = compile_design(design, "inference")
    macs = next(n.macs for n in zoo.networks() if n.name == name) or 0
    enliven(network, 16 if macs < HEAVY else 4)
    facts = Facts(design=name, variant=name)
    fixed = "" if any(spec.is_image for spec in network.inputs) else "it takes no image"
    for any_size in (False,) if fixed else (True, False):
        patient = limited(PATIENCE, of_processor=True)
        try:
            with tempfile.TemporaryDirectory() as folder, patient if any_size else contextlib.nullcontext():
                options = OnnxOptions(any_size=any_size, postprocess=True)
                report = export_onnx(
                    network, Path(folder) / "model.onnx", options, design=design, facts=facts, batches=BATCHES
                )
        except HungError:
            fixed = f"torch's exporter did not work out in {PATIENCE} s what sizes the network takes"
            continue
        except ExportError as error:
            if not any_size:
                return {"code": code_of(name), "error": str(error)}
            fixed = str(error)
            continue
        assert report.certificate is not None
        return {"code": code_of(name), **row_of(report.certificate), **({"fixed": fixed} if fixed else {})}
    raise AssertionError("the last try returns")


def row_of(certificate: Certificate) -> dict[str, Any]:
    """What the table keeps of a certificate."""
    rows = certificate.compared
    return {
        "passed": certificate.passed,
        "batches": sorted({row.batch for row in rows}),
        "inputs": [list(map(list, inputs)) for inputs in dict.fromkeys(row.inputs for row in rows)],
        "largest": float(f"{max(row.largest for row in rows):.2g}"),
        "relative": float(f"{max(row.relative for row in rows):.2g}"),
        "opset": certificate.opset,
        "operators": sum(certificate.operators.values()),
        "bytes": certificate.bytes,
        "milliseconds": float(f"{certificate.milliseconds or 0:.3g}"),
        "torch_milliseconds": float(f"{certificate.torch_milliseconds or 0:.3g}"),
    }


def code_of(name: str) -> str:
    """A fingerprint of the code and the design that a certificate is of."""
    path = zoo.find(name)
    assert path is not None
    return hashlib.sha256(_code() + path.read_bytes()).hexdigest()[:12]


@cache
def _code() -> bytes:
    digest = hashlib.sha256(" ".join(map(version, ("torch", "onnx", "onnxscript", "onnxruntime"))).encode())
    for folder in CODE:
        for file in sorted((ROOT / folder).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.digest()


def written() -> dict[str, dict[str, Any]]:
    """What the table holds."""
    held: dict[str, dict[str, Any]] = json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() else {}
    return held


def write(found: dict[str, dict[str, Any]]) -> None:
    rows = [f"  {json.dumps(name)}: {json.dumps(row, ensure_ascii=False)}" for name, row in sorted(found.items())]
    for path, text in ((STORE, "{\n" + ",\n".join(rows) + "\n}\n"), (PAGE, page(found))):
        aside = path.with_suffix(".new")
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)


def page(found: dict[str, dict[str, Any]]) -> str:
    """The text of the page."""
    green = [name for name, row in found.items() if row.get("passed")]
    sized = [name for name in green if "fixed" not in found[name]]
    missing = [network.name for network in zoo.networks() if network.name not in found]
    parts = [HEAD]
    parts.append(
        f"{len(green)} of {len(found)} networks are green, {len(sized)} of them with any size of image."
        + (f" {len(missing)} are not measured yet." if missing else "") + "\n"
    )  # fmt: skip
    parts.append("| name | batch | images | difference | opset | operators | MB | ONNX Runtime | torch | |")
    parts.append("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    for network in zoo.networks():
        row = found.get(network.name)
        if row is None:
            continue
        if "error" in row:
            parts.append(f"| `{network.name}` | | | | | | | | | {_cell(row['error'])} |")
            continue
        images = dict.fromkeys("×".join(map(str, shape[2:])) for shapes in row["inputs"] for shape in shapes
                               if len(shape) == 4)  # fmt: skip
        parts.append(
            f"| `{network.name}` | {', '.join(map(str, row['batches']))} | {', '.join(images)} "
            f"| {row['largest']:.1e}, {row['relative']:.1e} | {row['opset']} | {row['operators']} "
            f"| {row['bytes'] / 1e6:.1f} | {row['milliseconds']:.3g} ms | {row['torch_milliseconds']:.3g} ms "
            f"| {_cell(row.get('fixed', ''))} |"
        )
    if missing:
        parts.append(f"\nNot measured yet: {', '.join(missing)}.")
    return "\n".join(parts) + "\n"


def _cell(said: str) -> str:
    return said.replace("|", "/").replace("\n", " ")


def due(found: dict[str, dict[str, Any]]) -> list[str]:
    """The networks that are to be measured: those that are not there first, and the smallest first."""
    ordered = sorted(zoo.networks(), key=lambda network: (network.name in found, network.macs or 0))
    return [n.name for n in ordered if found.get(n.name, {}).get("code") != code_of(n.name)]


def _apart(name: str, end: Any) -> None:
    torch.set_num_threads(1)
    try:
        end.send(measure(name))
    except Exception as error:  # one network must not end the whole
        end.send({"code": code_of(name), "error": f"{type(error).__name__}: {error}".splitlines()[0]})


def _warm_up() -> None:
    """Import and read before the first child is made what every child would import and read anew: 10 s."""
    import onnxruntime  # noqa: F401

    shared_analyser()
    share_the_registry(pytest.MonkeyPatch())
    with quiet():
        torch.onnx.export(torch.nn.ReLU(), (torch.zeros(1, 2),), dynamo=True, verbose=False)


def main(arguments: list[str]) -> None:
    found = written()
    if arguments == ["--page"]:
        write(found)
        return
    names = arguments or due(found)
    _warm_up()
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    for i, name in enumerate(names):
        begun = time.perf_counter()
        mine, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_apart, args=(name, theirs))
        child.start()
        theirs.close()
        try:
            row = mine.recv()
        except EOFError:
            row = {"code": code_of(name), "error": "the process ended: too little memory?"}
        child.join()
        found = {**written(), name: row}
        write(found)
        said = row.get("error") or f"differs by {row['largest']:.1e}, {row.get('fixed') or 'any size'}"
        print(f"{i + 1} of {len(names)}: {name} {said} ({time.perf_counter() - begun:.0f} s)", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
