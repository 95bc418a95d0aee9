"""The blocks that backbones repeat; a module a family."""
