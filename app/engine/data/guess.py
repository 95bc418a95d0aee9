"""Which kind of data a file or folder is, from names alone: for what is dropped on the window."""

from __future__ import annotations

from pathlib import Path

from app.engine.data.fit import SUFFIXES, DataError
from app.engine.data.images import split_folders
from app.engine.data.masks import MASK_FOLDERS

SEEN = 500
"""So many names in a folder are looked at."""
_FILES = {
    ".csv": "table", ".tsv": "table", ".parquet": "table", ".pq": "table", ".npz": "arrays", ".npy": "arrays",
    ".txt": "characters", ".md": "characters", ".py": "python", ".idx": "idx",
}  # fmt: skip


def kind_of(path: Path) -> str:
    """The kind of data that lies there. Raises DataError where it looks like none."""
    if path.is_file():
        found = "idx" if "idx" in path.name else _FILES.get(path.suffix.lower(), "")
        what = "Use a CSV, Parquet, npz, npy, IDX, text or Python file, or a folder"
    elif path.is_dir():
        found = _folder(path)
        what = "Use a folder with a folder of pictures for each class, or with images and masks, or with files of data"
    else:
        raise DataError(f"There is no file or folder {path}.")
    if not found:
        raise DataError(f"{path.name} looks like no data that can be read. {what}, or choose the kind first.")
    return found


def _folder(path: Path) -> str:
    top = split_folders(path).get("train", path)
    if any((place / "images").is_dir() and any((place / name).is_dir() for name in MASK_FOLDERS)
           for place in (path, top)):  # fmt: skip
        return "masks"
    names: list[str] = []
    for index, each in enumerate(path.iterdir()):
        if index >= SEEN:
            break
        if each.is_file():
            names.append(each.name)
    if "train.bin" in names or any(name.startswith("data_batch_") for name in names):
        return "cifar"
    for kind, fits in (
        ("idx", lambda name: "idx" in name and "images" in name), ("arrays", lambda name: name.endswith(".npy")),
    ):  # fmt: skip
        if any(map(fits, names)):
            return kind
    inner = (each for each in top.iterdir() if each.is_dir() and not each.name.startswith("."))
    for _, place in zip(range(8), inner, strict=False):
        if any(each.suffix.lower() in SUFFIXES for _, each in zip(range(SEEN), place.rglob("*"), strict=False)):
            return "images"
    return "characters" if any(name.endswith(".txt") for name in names) else ""
