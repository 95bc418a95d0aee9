"""The catalogue of blocks. Importing this package alone loads no torch; `blocks.catalogue` loads the blocks."""
