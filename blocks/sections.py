"""Which section of its category a block stands in: by its id where one is named here, else by its module."""

from __future__ import annotations

import re

from blocks.card import SECTIONS

_MEMBERS: dict[str, dict[str, str]] = {
    "Backbone": {
        "Backbones": "backbones TransformerEncoder TransformerDecoder ViTEncoder",
        "Stages": "*Stage *Transition DenseBlock HighResolutionModule HighResolutionFusion",
        "Blocks": "stages",
    },
    "Attention": {
        "Gates": (
            "attention.channel attention.non_local attention.selective attention.spatial attention.squeeze "
            "attention.large_kernel necks stages.ghost"
        ),
        "Self-attention on maps": "attention",
        "Self-attention on sequences": "attention.multihead attention.alignment MultiScaleDeformableAttention",
        "Transformer layers": "stages",
        "Parts": (
            "attention.projections AxialAttend PlaceAttention WindowAttend CosineWindowAttend RunAttend Attend2d "
            "PositionPairBias LinearAttend2d Heads QueryKeyValueHeads MergeHeads PatchAttend QueryKeysValues2d "
            "SeparableAttend RoutedAttend ReferencePoints SamplePyramid SampleMap DistanceBias AdditiveScores "
            "DotScores WeightedSum"
        ),
    },
    "Neck": {"Necks": "necks", "Parts": "UNetUp BiFPNCell WidenLevels GatherDown"},
    "Head": {
        "Classification": "heads.classification heads.auxiliary heads.tokens heads.vector",
        "Embedding and projection": "heads.projection",
        "Segmentation": (
            "heads.segmentation heads.deeplab heads.fcn heads.panoptic heads.segformer YOLOSegmentationHead"
        ),
        "Detection": "heads",
        "Parts": "MaskPrototypes TiedProjection RadialBasisOutput",
    },
    "Layer": {
        "Convolution": (
            "layers.convolution layers.convolution_forms layers.composite layers.local layers.deformable "
            "DeformConvV3 GhostModule TableConv2d SeparableNorm MultiScaleConv RepLargeKernel"
        ),
        "Linear": "layers.linear WeightNormLinear",
        "Pooling": "layers.pooling layers.pooling_forms layers.regions HalveOverlapping Halve ChannelPool",
        "Normalisation": "layers.normalisation",
        "Activation": "layers.activation ScaledTanh",
        "Dropout": "layers.dropout",
        "Scale": "layers.scale",
        "Form": "layers.shape PatchMerging SpaceToDepth PadToMultiple ResizeToMultiple",
        "Recurrent": "layers.recurrent",
        "Positions and tokens": "layers.positions layers.tokens layers.embedding LearnedPositions2d",
        "Feed-forward": "stages.feedforward FeedForward InvertedResidualFeedForward",
        "Parts": "CutToSize TrainedSubsampling",
    },
    "Connector": {
        "Join": "connectors.combine connectors.fusion",
        "Part": "connectors.parts",
        "Levels": "connectors.pyramid connectors.scaling",
        "Form": "connectors.form",
        "Channels": "layers.channels ScalePlaces",
        "Values": "code StopGradient Constant Parameter BoxesToRegions",
        "Measures": "preparation GramMatrix CosineSimilarity L2Normalise Mean",
        "Views and pairs": "connectors.views",
    },
    "Loss": {
        "Classification": "losses.classes",
        "Segmentation": "losses.masks",
        "Regression": "losses.quantities",
        "Boxes": "losses.boxes",
        "Embeddings": "losses.embeddings",
        "Distributions": "losses.distributions",
        "Images": "losses.images",
    },
    "Metric": {
        "Classification": "metrics.classes",
        "Segmentation": "metrics.masks",
        "Regression": "metrics.quantities",
        "Sequences": "metrics.sequences",
        "Verification": "metrics.verification",
    },
}
"""Ids, last words of ids (`*Stage`), and modules below `blocks` with all that is in them."""

_FOUND = {
    category: {word: section for section, words in sections.items() for word in words.split()}
    for category, sections in _MEMBERS.items()
}
assert {category: tuple(sections) for category, sections in _MEMBERS.items()} == SECTIONS


def section_of(id: str, module: str, category: str) -> str:
    """The section of a block: the last one where nothing else is said, empty where its category has none."""
    if category not in SECTIONS:
        return ""
    found, parts = _FOUND[category], module.removeprefix("blocks.").split(".")
    last_word = "*" + re.findall("[A-Z]?[^A-Z]*", id)[-2]
    ways = (id, last_word, *(".".join(parts[:n]) for n in range(len(parts), 0, -1)))
    return next((found[way] for way in ways if way in found), SECTIONS[category][-1])
