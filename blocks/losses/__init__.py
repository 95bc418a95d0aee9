"""Losses: how far the network's answers are from the targets, as one number that training makes small.

Each gives its value times its `weight`, so that the total is the plain sum of all losses in a drawing. Formulas are
worked out in float32 at least, whatever the precision of what comes in.
"""
