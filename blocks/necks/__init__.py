"""Necks: blocks that let a pyramid's levels speak with one another."""
