"""Connectors: where wires meet and part, and what changes a tensor's form, not its meaning."""

from blocks.connectors.combine import Add as Add
from blocks.connectors.combine import Concat as Concat
from blocks.connectors.combine import Multiply as Multiply
from blocks.connectors.pyramid import BundleLevels as BundleLevels
from blocks.connectors.pyramid import PickLevel as PickLevel
