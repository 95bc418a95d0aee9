"""The certificate of an ONNX file: it is sound and gives torch's numbers; where not, the block at which that begins."""

from app.engine.certify.judge import Certified, certify

__all__ = ["Certified", "certify"]
