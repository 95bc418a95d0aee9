"""A layered layout of drawings, ours: layers by longest path, crossings taken out by sweeps, long wires kept level.

It takes a Graph, how large each node is drawn and where its ports lie, and says where the nodes go. Equal drawings get
equal places.
"""

from app.design.layout.arrange import Layout, lay_out
from app.design.layout.values import Box, Cancelled, Direction, Watch

__all__ = ["Box", "Cancelled", "Direction", "Layout", "Watch", "lay_out"]
