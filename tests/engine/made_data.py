"""Small data of every kind, made for tests."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from PIL import Image

SENTENCE = "the quick brown fox jumps over the lazy dog. "


def make_masks(folder: Path, count: int = 30, *, size: int = 24, values: tuple[int, int] = (0, 1)) -> Path:
    """Pictures of a bright square on a dark ground; the mask is the square."""
    random = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        picture = random.integers(0, 60, (size, size, 3)).astype(np.uint8)
        mask = np.full((size, size), values[0], np.uint8)
        y, x = random.integers(0, size // 2, 2)
        picture[y : y + size // 2, x : x + size // 2] += 150
        mask[y : y + size // 2, x : x + size // 2] = values[1]
        Image.fromarray(picture).save(folder / "images" / f"{i:03}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{i:03}.png")
    return folder


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def bars(count: int, size: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Pictures N×H×W of a bright row (class 0) or column (class 1)."""
    random = np.random.default_rng(1)
    labels = np.arange(count) % 2
    pictures = random.integers(0, 80, (count, size, size)).astype(np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        at = random.integers(size)
        (picture[at] if label == 0 else picture[:, at])[:] = 250
    return pictures, labels


def make_idx(folder: Path, count: int = 120, *, packed: bool = False, test: int = 20) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in (("train", count), ("t10k", test)):
        if not size:
            continue
        pictures, labels = bars(size)
        for what, array in (("images-idx3", pictures), ("labels-idx1", labels)):
            data = idx_bytes(array)
            path = folder / f"{name}-{what}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(data) if packed else data)
    return folder


def make_cifar(folder: Path, hundred: bool = False, count: int = 20) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(2)

    def records(size: int) -> bytes:
        pixels = random.integers(0, 256, (size, 3072)).astype(np.uint8)
        fine = (np.arange(size) % (100 if hundred else 10)).astype(np.uint8)
        pixels[:, 0] = fine
        heads = [fine // 5, fine] if hundred else [fine]
        return np.concatenate([np.stack(heads, 1), pixels], 1).tobytes()

    for name in ("train", "test") if hundred else (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        (folder / f"{name}.bin").write_bytes(records(count))
    return folder


def make_npz(path: Path, count: int = 120) -> Path:
    pictures, labels = bars(count)
    np.savez(path, x_train=pictures, y_train=labels, x_test=pictures[:30], y_test=labels[:30])
    return path


def make_text(path: Path, times: int = 60) -> Path:
    path.write_text(SENTENCE * times, encoding="utf-8")
    return path
