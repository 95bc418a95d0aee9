"""The names and sizes of tensors in checkpoints of torchvision and timm, restated from their public sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class File(dict[str, tuple[int, ...]]):
    """Names and sizes, filled layer by layer."""

    def conv(self, name: str, out: int, ins: int, size: int, bias: bool = False) -> None:
        self[f"{name}.weight"] = (out, ins, size, size)
        if bias:
            self[f"{name}.bias"] = (out,)

    def linear(self, name: str, out: int, ins: int) -> None:
        self[f"{name}.weight"], self[f"{name}.bias"] = (out, ins), (out,)

    def layer_norm(self, name: str, width: int) -> None:
        self[f"{name}.weight"], self[f"{name}.bias"] = (width,), (width,)

    def norm(self, name: str, width: int) -> None:
        self.layer_norm(name, width)
        self[f"{name}.running_mean"], self[f"{name}.running_var"] = (width,), (width,)
        self[f"{name}.num_batches_tracked"] = ()


def resnet(depths: Sequence[int], *, deep: bool = False, classes: int = 1000) -> File:
    """Bottlenecks as torchvision and timm name them; `deep`: timm's d-form, a stem of three, shortcuts that pool."""
    file = File()
    if deep:
        for at, (out, ins) in zip((0, 3, 6), ((32, 3), (32, 32), (64, 32)), strict=True):
            file.conv(f"conv1.{at}", out, ins, 3)
            if at < 6:
                file.norm(f"conv1.{at + 1}", out)
    else:
        file.conv("conv1", 64, 3, 7)
    file.norm("bn1", 64)
    before = 64
    for stage, depth in enumerate(depths):
        width = 64 << stage
        for at in range(depth):
            block = f"layer{stage + 1}.{at}"
            for n, (out, ins, size) in enumerate(((width, before, 1), (width, width, 3), (4 * width, width, 1)), 1):
                file.conv(f"{block}.conv{n}", out, ins, size)
                file.norm(f"{block}.bn{n}", out)
            if at == 0:
                file.conv(f"{block}.downsample.{1 if deep else 0}", 4 * width, before, 1)
                file.norm(f"{block}.downsample.{2 if deep else 1}", 4 * width)
            before = 4 * width
    file.linear("fc", classes, before)
    return file


def vgg16_bn() -> File:
    file, at, before = File(), 0, 3
    for width, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(depth):
            file.conv(f"features.{at}", width, before, 3, bias=True)
            file.norm(f"features.{at + 1}", width)
            at, before = at + 3, width
        at += 1
    for at, (out, ins) in zip((0, 3, 6), ((4096, 512 * 49), (4096, 4096), (1000, 4096)), strict=True):
        file.linear(f"classifier.{at}", out, ins)
    return file


def mobilenet_v2() -> File:
    file, before, at = File(), 32, 1
    file.conv("features.0.0", 32, 3, 3)
    file.norm("features.0.1", 32)
    for ratio, width, depth in ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1)):
        for _ in range(depth):
            inner, n = before * ratio, 0
            if ratio > 1:
                file.conv(f"features.{at}.conv.0.0", inner, before, 1)
                file.norm(f"features.{at}.conv.0.1", inner)
                n = 1
            file.conv(f"features.{at}.conv.{n}.0", inner, 1, 3)
            file.norm(f"features.{at}.conv.{n}.1", inner)
            file.conv(f"features.{at}.conv.{n + 1}", width, inner, 1)
            file.norm(f"features.{at}.conv.{n + 2}", width)
            before, at = width, at + 1
    file.conv("features.18.0", 1280, 320, 1)
    file.norm("features.18.1", 1280)
    file.linear("classifier.1", 1000, 1280)
    return file


def efficientnet_b0() -> File:
    file, before = File(), 32
    file.conv("features.0.0", 32, 3, 3)
    file.norm("features.0.1", 32)
    rows = ((1, 3, 16, 1), (6, 3, 24, 2), (6, 5, 40, 2), (6, 3, 80, 3), (6, 5, 112, 3), (6, 5, 192, 4), (6, 3, 320, 1))
    for stage, (ratio, size, width, depth) in enumerate(rows, 1):
        for at in range(depth):
            block, inner, n = f"features.{stage}.{at}.block", before * ratio, 0
            if ratio > 1:
                file.conv(f"{block}.0.0", inner, before, 1)
                file.norm(f"{block}.0.1", inner)
                n = 1
            file.conv(f"{block}.{n}.0", inner, 1, size)
            file.norm(f"{block}.{n}.1", inner)
            file.conv(f"{block}.{n + 1}.fc1", before // 4, inner, 1, bias=True)
            file.conv(f"{block}.{n + 1}.fc2", inner, before // 4, 1, bias=True)
            file.conv(f"{block}.{n + 2}.0", width, inner, 1)
            file.norm(f"{block}.{n + 2}.1", width)
            before = width
    file.conv("features.8.0", 1280, 320, 1)
    file.norm("features.8.1", 1280)
    file.linear("classifier.1", 1000, 1280)
    return file


def densenet121(dot: str = "") -> File:
    """`dot`: the published files are older than the code and say `norm.1` where it says `norm1`."""
    file, width = File(), 64
    file.conv("features.conv0", 64, 3, 7)
    file.norm("features.norm0", 64)
    for stage, depth in enumerate((6, 12, 24, 16), 1):
        for at in range(1, depth + 1):
            layer = f"features.denseblock{stage}.denselayer{at}"
            file.norm(f"{layer}.norm{dot}1", width)
            file.conv(f"{layer}.conv{dot}1", 128, width, 1)
            file.norm(f"{layer}.norm{dot}2", 128)
            file.conv(f"{layer}.conv{dot}2", 32, 128, 3)
            width += 32
        if stage < 4:
            file.norm(f"features.transition{stage}.norm", width)
            file.conv(f"features.transition{stage}.conv", width // 2, width, 1)
            width //= 2
    file.norm("features.norm5", width)
    file.linear("classifier", 1000, width)
    return file


def vit_torchvision(width: int, depth: int, patch: int) -> File:
    file = File({"class_token": (1, 1, width)})
    file.conv("conv_proj", width, 3, patch, bias=True)
    file["encoder.pos_embedding"] = (1, (224 // patch) ** 2 + 1, width)
    for at in range(depth):
        block = f"encoder.layers.encoder_layer_{at}"
        file.layer_norm(f"{block}.ln_1", width)
        file[f"{block}.self_attention.in_proj_weight"] = (3 * width, width)
        file[f"{block}.self_attention.in_proj_bias"] = (3 * width,)
        file.linear(f"{block}.self_attention.out_proj", width, width)
        file.layer_norm(f"{block}.ln_2", width)
        file.linear(f"{block}.mlp.0", 4 * width, width)
        file.linear(f"{block}.mlp.3", width, 4 * width)
    file.layer_norm("encoder.ln", width)
    file.linear("heads.head", 1000, width)
    return file


def vit_timm(width: int, depth: int, patch: int) -> File:
    file = File({"cls_token": (1, 1, width), "pos_embed": (1, (224 // patch) ** 2 + 1, width)})
    file.conv("patch_embed.proj", width, 3, patch, bias=True)
    for at in range(depth):
        block = f"blocks.{at}"
        file.layer_norm(f"{block}.norm1", width)
        file.linear(f"{block}.attn.qkv", 3 * width, width)
        file.linear(f"{block}.attn.proj", width, width)
        file.layer_norm(f"{block}.norm2", width)
        file.linear(f"{block}.mlp.fc1", 4 * width, width)
        file.linear(f"{block}.mlp.fc2", width, 4 * width)
    file.layer_norm("norm", width)
    file.linear("head", 1000, width)
    return file


def swin_t() -> File:
    file, width = File(), 96
    file.conv("features.0.0", width, 3, 4, bias=True)
    file.layer_norm("features.0.2", width)
    for stage, (depth, heads) in enumerate(((2, 3), (2, 6), (6, 12), (2, 24))):
        if stage:
            file[f"features.{2 * stage}.reduction.weight"] = (2 * width, 4 * width)
            file.layer_norm(f"features.{2 * stage}.norm", 4 * width)
            width *= 2
        for at in range(depth):
            block = f"features.{2 * stage + 1}.{at}"
            file.layer_norm(f"{block}.norm1", width)
            file[f"{block}.attn.relative_position_bias_table"] = (169, heads)
            file[f"{block}.attn.relative_position_index"] = (2401,)
            file.linear(f"{block}.attn.qkv", 3 * width, width)
            file.linear(f"{block}.attn.proj", width, width)
            file.layer_norm(f"{block}.norm2", width)
            file.linear(f"{block}.mlp.0", 4 * width, width)
            file.linear(f"{block}.mlp.3", width, 4 * width)
    file.layer_norm("norm", width)
    file.linear("head", 1000, width)
    return file


def convnext_tiny() -> File:
    file, widths = File(), (96, 192, 384, 768)
    file.conv("features.0.0", 96, 3, 4, bias=True)
    file.layer_norm("features.0.1", 96)
    for stage, (width, depth) in enumerate(zip(widths, (3, 3, 9, 3), strict=True)):
        if stage:
            file.layer_norm(f"features.{2 * stage}.0", widths[stage - 1])
            file.conv(f"features.{2 * stage}.1", width, widths[stage - 1], 2, bias=True)
        for at in range(depth):
            block = f"features.{2 * stage + 1}.{at}"
            file[f"{block}.layer_scale"] = (width, 1, 1)
            file.conv(f"{block}.block.0", width, 1, 7, bias=True)
            file.layer_norm(f"{block}.block.2", width)
            file.linear(f"{block}.block.3", 4 * width, width)
            file.linear(f"{block}.block.5", width, 4 * width)
    file.layer_norm("classifier.0", 768)
    file.linear("classifier.2", 1000, 768)
    return file


def convnext_nano() -> File:
    file, widths = File(), (80, 160, 320, 640)
    file.conv("stem.0", 80, 3, 4, bias=True)
    file.layer_norm("stem.1", 80)
    for stage, (width, depth) in enumerate(zip(widths, (2, 2, 8, 2), strict=True)):
        if stage:
            file.layer_norm(f"stages.{stage}.downsample.0", widths[stage - 1])
            file.conv(f"stages.{stage}.downsample.1", width, widths[stage - 1], 2, bias=True)
        for at in range(depth):
            block = f"stages.{stage}.blocks.{at}"
            file[f"{block}.gamma"] = (width,)
            file.conv(f"{block}.conv_dw", width, 1, 7, bias=True)
            file.layer_norm(f"{block}.norm", width)
            file.conv(f"{block}.mlp.fc1", 4 * width, width, 1, bias=True)
            file.conv(f"{block}.mlp.fc2", width, 4 * width, 1, bias=True)
    file.layer_norm("head.norm", 640)
    file.linear("head.fc", 1000, 640)
    return file


def darknet53() -> File:
    file, before = File(), 32

    def unit(name: str, out: int, ins: int, size: int) -> None:
        file.conv(f"{name}.conv", out, ins, size)
        file.norm(f"{name}.bn", out)

    unit("stem.conv1", 32, 3, 3)
    for stage, depth in enumerate((1, 2, 8, 8, 4)):
        width = 2 * before
        unit(f"stages.{stage}.conv_down", width, before, 3)
        for at in range(depth):
            unit(f"stages.{stage}.blocks.{at}.conv1", width // 2, width, 1)
            unit(f"stages.{stage}.blocks.{at}.conv2", width, width // 2, 3)
        before = width
    file.linear("head.fc", 1000, before)
    return file


def mobilevit_xxs() -> File:
    file, before = File(), 16

    def unit(name: str, out: int, ins: int, size: int) -> None:
        file.conv(f"{name}.conv", out, ins, size)
        file.norm(f"{name}.bn", out)

    unit("stem", 16, 3, 3)
    for stage, (width, depth, inner, blocks) in enumerate(
        ((16, 1, 0, 0), (24, 3, 0, 0), (48, 1, 64, 2), (64, 1, 80, 4), (80, 1, 96, 3))
    ):
        for at in range(depth):
            unit(f"stages.{stage}.{at}.conv1_1x1", 2 * before, before, 1)
            unit(f"stages.{stage}.{at}.conv2_kxk", 2 * before, 1, 3)
            unit(f"stages.{stage}.{at}.conv3_1x1", width, 2 * before, 1)
            before = width
        if not blocks:
            continue
        mixed = f"stages.{stage}.1"
        unit(f"{mixed}.conv_kxk", width, width, 3)
        file.conv(f"{mixed}.conv_1x1", inner, width, 1)
        for at in range(blocks):
            block = f"{mixed}.transformer.{at}"
            file.layer_norm(f"{block}.norm1", inner)
            file.linear(f"{block}.attn.qkv", 3 * inner, inner)
            file.linear(f"{block}.attn.proj", inner, inner)
            file.layer_norm(f"{block}.norm2", inner)
            file.linear(f"{block}.mlp.fc1", 2 * inner, inner)
            file.linear(f"{block}.mlp.fc2", inner, 2 * inner)
        file.layer_norm(f"{mixed}.norm", inner)
        unit(f"{mixed}.conv_proj", width, inner, 1)
        unit(f"{mixed}.conv_fusion", width, 2 * width, 3)
    unit("final_conv", 320, 80, 1)
    file.linear("head.fc", 1000, 320)
    return file


LAYOUTS: dict[str, Callable[[], File]] = {
    "resnet50": lambda: resnet((3, 4, 6, 3)),
    "vgg16_bn": vgg16_bn,
    "mobilenet_v2": mobilenet_v2,
    "densenet121": densenet121,
    "vit_b_16": lambda: vit_torchvision(768, 12, 16),
    "swin_t": swin_t,
    "convnext_tiny": convnext_tiny,
    "efficientnet_b0": efficientnet_b0,
    "vit_small_patch16_224": lambda: vit_timm(384, 12, 16),
    "resnet50d": lambda: resnet((3, 4, 6, 3), deep=True),
    "convnext_nano": convnext_nano,
    "darknet53": darknet53,
    "mobilevit_xxs": mobilevit_xxs,
}
