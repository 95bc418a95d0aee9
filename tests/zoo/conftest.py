"""What holds for the tests of this folder: the exporter is quick."""

from tests.exporter import quick_exporter

__all__ = ["quick_exporter"]
