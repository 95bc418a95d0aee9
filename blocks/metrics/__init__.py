"""Metrics: how good the answers are, in numbers that people read. They train nothing.

Most are no mean over batches: they are counted over a whole split by torchmetrics (`blocks.metrics.counted`).
"""
