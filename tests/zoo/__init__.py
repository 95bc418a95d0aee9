"""The known architectures, each against its reference: counts, shapes, outputs."""
