"""The window: canvas and panels. PySide6, never torch."""
