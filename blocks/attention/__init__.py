"""Attention: blocks that weigh what they are given by looking at it."""
