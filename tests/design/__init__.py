"""The values: edits, wiring, Groups, expressions and the file."""
