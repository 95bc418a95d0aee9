"""Designs that are trained for the table in the README; see README.md beside."""
