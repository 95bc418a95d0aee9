"""What necks and heads ask of a pyramid."""

from __future__ import annotations

from blocks.declare import port

LEVELS_IN = port("[B c h w]", "A backbone's or a neck's levels, finest first.")
SEVERAL_LEVELS_IN = port("[B c h w] 2+", "A backbone's or a neck's levels, finest first; two or more.")
