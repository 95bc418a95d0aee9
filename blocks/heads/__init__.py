"""Heads: from features to the answer."""
