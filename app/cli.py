"""The command line: reads the command, then starts the window or does the engine's work in this terminal.

Importing this module loads neither torch nor Qt; each command imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

import app
from app.exits import FINE, STOPPED, WRONG, CallError

FORMATS = (
    "onnx", "program", "python", "script", "safetensors", "svg", "pdf", "png", "csv", "markdown", "latex", "mermaid",
    "dot",
)  # fmt: skip
MEASURES = ("parameters", "macs", "activations", "field")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise CallError(f"{message} (see {self.prog} --help)")


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = _Parser(
        prog="netloom",
        description="Draw neural networks, check, train and export them. Without a command: open the window.",
        epilog="netloom [FILE] opens the window; the name of a known network does too. DESIGN is a file, the name of a "
        "known network (see zoo) or of an example, or block:NAME.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"netloom {app.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)

    def command(name: str, help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".", allow_abbrev=False)
        return sub

    def takes_design(sub: argparse.ArgumentParser, many: bool = False) -> None:
        sub.add_argument("design", metavar="DESIGN", nargs="+" if many else None,
                         help="a file, a known network, an example or block:NAME")  # fmt: skip
        sub.add_argument("--variant", metavar="V", help="one of the design's named sets of settings")
        sub.add_argument("--set", metavar="NODE.SETTING=VALUE", action="append", default=[], dest="sets",
                         help="change a setting; NODE is the name on the canvas, with / into Groups")  # fmt: skip

    def may_run(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--blocks", metavar="DIR", help="run the Python files there: their modules are blocks too")
        sub.add_argument("--allow-code", action="store_true", help="let the Python in this design run: read it first")

    check = command("check", "shapes, parameters, MACs, memory and problems")
    takes_design(check, many=True)
    check.add_argument("--json", action="store_true", help="one JSON document a design, one a line")
    check.add_argument("--batch", type=int, default=1, metavar="N", help="samples in a batch (1)")
    check.add_argument("--input", action="append", default=[], metavar="NAME=3x224x224", dest="inputs",
                       help="size of an Input, without the batch")  # fmt: skip
    check.add_argument("--weights", metavar="FILE", help="say which weights of a safetensors or torch file fit")
    check.add_argument("--match", choices=("name", "shape", "order"), metavar="HOW",
                       help="how its tensors are matched: by name (key maps included); also by a shape that one alone "
                            "has; also by the order of equal shapes. Each goes beyond the one before it")  # fmt: skip
    check.add_argument("--keys", action="store_true", help="of --weights: a row a tensor, with its name in the file")
    check.add_argument("--fix", type=int, metavar="N", help="apply the N-th fix that is offered (with -o)")
    check.add_argument("-o", "--output", metavar="FILE", help="where to save the design that --fix makes")

    known = command("zoo", "the known architectures by name")
    known.add_argument("--json", action="store_true", help="one JSON list, an object a network")

    train = command("train", "train a design and leave a run folder")
    takes_design(train)
    train.add_argument("--data", metavar="KIND[:PATH]", help="digits, images:FOLDER, masks:FOLDER, table:FILE, "
                       "arrays:FILE, idx:FOLDER, cifar:FOLDER, characters:FILE, words:FILE, python:FILE.py, "
                       "shapes, spirals or sequences")  # fmt: skip
    train.add_argument("--recipe", metavar="KEY=VALUE", action="append", default=[],
                       help="change the recipe; preset=NAME takes an advised one, NODE.rate=0.1 is for one node, "
                            "augment=\"flip; crop padding=4; normalise\" is done to samples")
    train.add_argument("--epochs", type=int, metavar="N")
    train.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda, cuda:1, mps")
    train.add_argument("--devices", type=int, default=1, metavar="N", help="how many devices of that kind")
    train.add_argument("--nodes", type=int, default=1, metavar="N", help="how many machines")
    train.add_argument("--strategy", default="auto", choices=("auto", "ddp", "fsdp"),
                       help="how several devices share: each all weights (ddp), or each a part (fsdp)")  # fmt: skip
    train.add_argument("--precision", metavar="P", help="32, bf16, 16 or 64")
    train.add_argument("--seed", type=int, metavar="S")
    train.add_argument("--run", metavar="DIR", help="the run folder (default: runs/NAME-DATE)")
    train.add_argument("--weights", metavar="FILE", help="begin with the weights of a safetensors or torch file")
    train.add_argument("--match", choices=("name", "shape", "order"), metavar="HOW",
                       help="how its tensors are matched: by name (key maps included); also by a shape that one alone "
                            "has; also by the order of equal shapes. Each goes beyond the one before it")  # fmt: skip
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint of --run")
    how = ("off", "lightly", "closely")
    train.add_argument("--watch", choices=how, default=how[1], metavar="HOW",
                       help="how closely nodes are watched: off, lightly (1 %% of the time) or closely")  # fmt: skip
    train.add_argument("--find-rate", action="store_true", help="look for a learning rate instead; keeps nothing")
    train.add_argument("--json", action="store_true", help="progress as JSON, one document a line")

    evaluate = command("evaluate", "metrics of a run on a split of its data")
    evaluate.add_argument("run", metavar="RUN", help="a run folder")
    evaluate.add_argument("--split", default="test", choices=("train", "validation", "test"))
    evaluate.add_argument("--json", action="store_true")

    predict = command("predict", "what a trained network says of samples")
    predict.add_argument("run", metavar="RUN", help="a run folder")
    predict.add_argument("files", metavar="FILE", nargs="+",
                         help="an image, a table (a row for each sample), or a text, as the data was")  # fmt: skip
    predict.add_argument("-o", "--output", metavar="DIR", help="keep masks and reconstructions there as PNG")
    predict.add_argument("--json", action="store_true", help="one JSON document a file, one a line")

    generate = command("generate", "text from a network that was trained on characters or words")
    generate.add_argument("run", metavar="RUN", help="a run folder")
    generate.add_argument("start", metavar="START", nargs="?", default="", help="what the text begins with")
    generate.add_argument("--length", type=int, default=200, metavar="N", help="at most so many tokens (200)")
    generate.add_argument("--temperature", type=float, default=1.0, metavar="T",
                          help="below 1 likelier tokens, above 1 more surprising ones; 0: always the likeliest (1)")
    generate.add_argument("--end", metavar="TOKEN",
                          help="the token that ends it ('\\n' for characters, . for words); '' for none")
    generate.add_argument("--seed", type=int, default=0, metavar="S", help="another seed, another text (0)")
    generate.add_argument("--json", action="store_true")

    export = command("export", "write a design in another form")
    takes_design(export)
    export.add_argument("--to", required=True, choices=FORMATS, metavar="FORMAT", help="one of " + ", ".join(FORMATS))
    export.add_argument("--run", metavar="DIR", help="take the weights from this run")
    export.add_argument("--weights", metavar="FILE", help="take the weights from a safetensors or torch file")
    export.add_argument("--match", choices=("name", "shape", "order"), metavar="HOW",
                       help="how its tensors are matched: by name (key maps included); also by a shape that one alone "
                            "has; also by the order of equal shapes. Each goes beyond the one before it")  # fmt: skip
    export.add_argument("--partly", action="store_true", help="what the file of weights lacks stays new")
    export.add_argument("-o", "--output", metavar="FILE", help="the file to write")
    export.add_argument("--theme", choices=("light", "dark"), help="of a picture: its colours (light)")
    export.add_argument("--transparent", action="store_true", help="of a picture: no ground under the drawing")
    export.add_argument("--scale", type=float, metavar="N", help="of a png: pixels to a unit of the canvas (2)")
    export.add_argument("--no-labels", action="store_true", help="of a picture: nothing written on wires")
    export.add_argument("--overlay", choices=MEASURES, metavar="MEASURE",
                        help="of a picture: colour nodes by " + ", ".join(MEASURES))  # fmt: skip
    onnx = export.add_argument_group("of onnx")
    onnx.add_argument("--opset", type=int, metavar="N", help="the operator set, 14 to 23 (the exporter's own)")
    onnx.add_argument("--precision", metavar="P", help="its numbers: fp32, fp16, int8 (weights alone) or int8-static "
                      "(by ranges measured on training samples)")  # fmt: skip
    onnx.add_argument("--any-size", action="store_true", help="take images of any height and width")
    onnx.add_argument("--fixed-batch", action="store_true", help="take one sample at a time, not batches of any size")
    onnx.add_argument("--separate-data", action="store_true", help="put the weights into a file beside the model")
    onnx.add_argument("--preprocess", action="store_true", help="take pixels from 0 to 1 and normalise them inside")
    onnx.add_argument("--probabilities", action="store_true", help="give a classifier's probabilities, not its scores")
    onnx.add_argument("--raw", action="store_true", help="leave off what is drawn for postprocess: no decoding, no "
                      "suppression of boxes, no last softmax")  # fmt: skip
    onnx.add_argument("--calibration", type=int, metavar="N", help="training samples for int8-static (64)")
    export.add_argument("--json", action="store_true")

    for sub in (check, train, evaluate, predict, generate, export):
        may_run(sub)

    demo = command("demo", "the whole way on real digits: check, train, export; no window needed")
    demo.add_argument("--run", metavar="DIR", help="the run folder (default: runs/digits-DATE)")
    return top


COMMANDS = ("check", "zoo", "train", "evaluate", "predict", "generate", "export", "demo")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if _wants_window(arguments):
            return _window(arguments)
        given = parser().parse_args(arguments)
        if hasattr(given, "allow_code"):
            importlib.import_module("app.engine.commands.consent").give(given)
        return int(importlib.import_module(f"app.engine.commands.{given.command}").run(given))
    except CallError as error:
        print(f"netloom: {error}", file=sys.stderr)
        return error.code
    except BrokenPipeError:  # the reader of our output has gone: nothing more to say
        sys.stderr.close()
        return FINE
    except KeyboardInterrupt:
        print("netloom: stopped", file=sys.stderr)
        return STOPPED
    except Exception as error:  # a fault of ours: one line for the user, all of it in the log
        print(f"netloom: it failed: {type(error).__name__}: {error} (details: {_log()})", file=sys.stderr)
        return WRONG


def _log() -> str:
    """Write the exception being handled to the log; returns where that is."""
    import traceback
    from pathlib import Path

    from platformdirs import user_log_dir

    log = Path(user_log_dir("netloom", appauthor=False, ensure_exists=True)) / "netloom.log"
    log.write_text(traceback.format_exc(), encoding="utf-8")
    return str(log)


def _wants_window(arguments: list[str]) -> bool:
    return not arguments or (len(arguments) == 1 and not arguments[0].startswith("-") and arguments[0] not in COMMANDS)


def _window(arguments: list[str]) -> int:
    path = arguments[0] if arguments else None
    if path is not None and "." not in path and "/" not in path:
        from pathlib import Path

        import examples

        if not Path(path).exists() and not examples.find(path):
            commands = ", ".join(COMMANDS)
            raise CallError(f"`{path}` is no command ({commands}), file or known network{examples.near(path)}")
    from app.window.main import run

    return run(path)


if __name__ == "__main__":
    sys.exit(main())
