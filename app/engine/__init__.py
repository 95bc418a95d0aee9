"""Analyse, compile, train, export. torch, never Qt; runs as `python -P -m app.engine`."""
