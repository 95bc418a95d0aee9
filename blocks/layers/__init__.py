"""Layers: what the larger blocks are made of. Most are torch's own, with a card."""
