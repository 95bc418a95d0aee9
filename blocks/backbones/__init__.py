"""Backbones: from an image's first feature maps to a pyramid of them; a module a family."""
