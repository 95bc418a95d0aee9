"""Broken and hostile files by the thousand: how they are made (`designs`, `tensors`, `models`), read and judged
(`reading`). `python -m tests.fuzz` runs them."""
