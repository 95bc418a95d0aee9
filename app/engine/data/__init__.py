"""Data to train on. Each kind has a file of its own; `kinds` knows them all."""

from app.engine.data.base import (
    Data,
    Options,
    Source,
    Split,
    TensorSource,
    Wanted,
    Watch,
    label_field,
    options_of,
    stratified,
    target_sources,
)
from app.engine.data.fit import DataError
from app.engine.data.kinds import DATASETS, KINDS, dataset_of, open_data

__all__ = [
    "DATASETS", "KINDS", "Data", "DataError", "Options", "Source", "Split", "TensorSource", "Wanted", "Watch",
    "dataset_of", "label_field", "open_data", "options_of", "stratified", "target_sources",
]  # fmt: skip
