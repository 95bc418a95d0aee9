"""Designs as ONNX files."""

from app.engine.to_onnx.errors import ExportError
from app.engine.to_onnx.facts import Facts
from app.engine.to_onnx.proved import Report, export_onnx
from app.engine.to_onnx.write import Written, write

__all__ = ["ExportError", "Facts", "Report", "Written", "export_onnx", "write"]
