"""Postprocess: from a head's raw answers to boxes, classes and masks."""
