"""Says while one draws what would not export to ONNX: warnings on the nodes, each with its reason.

A block of the catalogue that does not export says so in its declaration (`declared`, which analysis asks); the others
are known to. Code and a person's own modules are looked at one by one (`checking`, `tracing`), equal runs once.
"""
