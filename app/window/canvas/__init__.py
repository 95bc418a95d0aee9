"""The canvas: what is drawn, and the hands that draw it."""
