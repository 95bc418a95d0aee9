"""What can be done to the bytes of any file, and the values that readers stumble over."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from random import Random

NUMBERS: tuple[int, ...] = (
    0, 1, -1, 2, 7, 127, 128, 255, 256, 1000, 65_535, 65_536, 10**6, 2**31 - 1, 2**31, -(2**31), 2**32 - 1, 2**32,
    2**53, 2**62, 2**63 - 1, 2**63, -(2**63), 2**64 - 1, 10**30, -(10**30),
)  # fmt: skip
TEXTS: tuple[str, ...] = (
    "", " ", "a", "x" * 70, "y" * 5000, "a.b", "..", "../outside/secret", "/etc/passwd", "C:\\x", "class", "forward",
    "training", "__class__", "self", "None",
    "\0", "\x1b[2J", "a\nb", "ä", "名前", "\u202eevil", "😀", "1", "-1", "1e999",
    "NaN", "width * 2", "width ** 999999", "(" * 3000, "1/0",
    "__import__('os').system('true')", "%s%n", "{0}", "'\"`",
    "<script>", "Input", "Conv2d", "Output", "image", "out", "x",
)  # fmt: skip


def bytes_of(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """One to four of: bits flipped, numbers written over, cut, doubled, removed, filled with noise, spliced."""
    content = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        if not content:
            break
        at = random.randrange(len(content))
        span = min(random.choice((1, 2, 4, 8, 16, 64, 512, 4096)), len(content) - at)
        match random.randrange(9):
            case 0:
                content[at] ^= 1 << random.randrange(8)
            case 1:
                content[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
            case 2:
                del content[at:]
            case 3:
                del content[at : at + span]
            case 4:
                content[at:at] = content[at : at + span] * random.choice((1, 2, 50))
            case 5:
                content[at : at + span] = random.randbytes(span)
            case 6:
                number = random.choice(NUMBERS) % 2**64
                content[at : at + 8] = struct.pack(random.choice("<>") + "Q", number)[: random.choice((2, 4, 8))]
            case 7:
                other = random.choice(others)
                start = random.randrange(len(other) + 1)
                content[at : at + random.choice((0, span))] = other[start : start + random.choice((8, 200, 10**6))]
            case 8:
                content[at:at] = random.choice(TEXTS).encode()[:200]
    return bytes(content)
