"""YOLOv8 n (Jocher et al. 2023, github.com/ultralytics/ultralytics)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Conv(nn.Module):
    """A convolution without bias, its batch norm, SiLU."""

    def __init__(self, in_channels: int, channels: int, kernel_size: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, kernel_size, stride, kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))


class Bottleneck(nn.Module):
    """Two 3x3 convolutions, in the backbone with a connection around them."""

    def __init__(self, channels: int, skip: bool) -> None:
        super().__init__()
        self.conv1 = Conv(channels, channels, 3)
        self.conv2 = Conv(channels, channels, 3)
        self.skip = skip

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x))
        return x + y if self.skip else y


class C2f(nn.Module):
    """Half the channels pass bottlenecks; the last convolution sees what each of them gave."""

    def __init__(self, in_channels: int, channels: int, depth: int = 1, skip: bool = False) -> None:
        super().__init__()
        width = channels // 2
        self.conv1 = Conv(in_channels, 2 * width)
        self.blocks = nn.ModuleList(Bottleneck(width, skip) for _ in range(depth))
        self.conv2 = Conv((2 + depth) * width, channels)

    def forward(self, x: Tensor) -> Tensor:
        seen = list(self.conv1(x).chunk(2, dim=1))
        for block in self.blocks:
            seen.append(block(seen[-1]))
        return self.conv2(torch.cat(seen, dim=1))


class SPPF(nn.Module):
    """Joins a map with its maxima over windows of 5, 9 and 13, by one pool that follows itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = Conv(channels, channels // 2)
        self.pool = nn.MaxPool2d(5, stride=1, padding=2)
        self.conv2 = Conv(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        seen = [self.conv1(x)]
        for _ in range(3):
            seen.append(self.pool(seen[-1]))
        return self.conv2(torch.cat(seen, dim=1))


class Backbone(nn.Module):
    """Gives the maps of strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv(3, 16, 3, stride=2)
        self.stage1 = nn.Sequential(Conv(16, 32, 3, stride=2), C2f(32, 32, skip=True))
        self.stage2 = nn.Sequential(Conv(32, 64, 3, stride=2), C2f(64, 64, depth=2, skip=True))
        self.stage3 = nn.Sequential(Conv(64, 128, 3, stride=2), C2f(128, 128, depth=2, skip=True))
        self.stage4 = nn.Sequential(Conv(128, 256, 3, stride=2), C2f(256, 256, skip=True), SPPF(256))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine = self.stage2(self.stage1(self.stem(x)))  # (B, 64, 80, 80)
        middle = self.stage3(fine)  # (B, 128, 40, 40)
        return fine, middle, self.stage4(middle)  # (B, 256, 20, 20)


class Neck(nn.Module):
    """From coarse to fine and back, joining levels."""

    def __init__(self) -> None:
        super().__init__()
        self.up1 = C2f(256 + 128, 128)
        self.up2 = C2f(128 + 64, 64)
        self.down1 = Conv(64, 64, 3, stride=2)
        self.stage1 = C2f(64 + 128, 128)
        self.down2 = Conv(128, 128, 3, stride=2)
        self.stage2 = C2f(128 + 256, 256)

    def forward(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        up = self.up1(torch.cat([F.interpolate(coarse, scale_factor=2.0), middle], dim=1))  # (B, 128, 40, 40)
        fine = self.up2(torch.cat([F.interpolate(up, scale_factor=2.0), fine], dim=1))  # (B, 64, 80, 80)
        middle = self.stage1(torch.cat([self.down1(fine), up], dim=1))  # (B, 128, 40, 40)
        coarse = self.stage2(torch.cat([self.down2(middle), coarse], dim=1))  # (B, 256, 20, 20)
        return fine, middle, coarse


def make_branch(in_channels: int, width: int, channels: int, bias: float) -> nn.Sequential:
    """Two 3x3 convolutions and a 1x1 one, whose bias begins at `bias`."""
    last = nn.Conv2d(width, channels, 1)
    nn.init.constant_(last.get_parameter("bias"), bias)
    return nn.Sequential(Conv(in_channels, width, 3), Conv(width, width, 3), last)


class Head(nn.Module):
    """For each place of each level the scores of its classes, and of the steps of its distance to each side."""

    def __init__(self, channels: Sequence[int], strides: Sequence[int], classes: int, bins: int = 16) -> None:
        super().__init__()
        width, class_width = max(16, channels[0] // 4, 4 * bins), max(channels[0], min(classes, 100))
        # about five objects of all classes in an image of 640 x 640
        rare = {c: math.log(5 / classes / (640 / stride) ** 2) for c, stride in zip(channels, strides, strict=True)}
        self.boxes = nn.ModuleList(make_branch(c, width, 4 * bins, 2.0) for c in channels)
        self.scores = nn.ModuleList(make_branch(c, class_width, classes, rare[c]) for c in channels)
        self.steps = nn.Parameter(torch.arange(bins, dtype=torch.float32), requires_grad=False)

    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        boxes = torch.cat([branch(x).flatten(2) for branch, x in zip(self.boxes, levels, strict=True)], dim=2)
        scores = torch.cat([branch(x).flatten(2) for branch, x in zip(self.scores, levels, strict=True)], dim=2)
        shares = boxes.unflatten(1, (4, -1)).softmax(2)  # (B, 4, bins, L)
        distances = (shares * self.steps[:, None]).sum(2).transpose(1, 2)  # (B, L, 4)
        return boxes, scores, distances


class YOLOv8n(nn.Module):
    """Detects objects: (B, 3, 640, 640) to boxes (B, 64, 8400), scores (B, classes, 8400), distances (B, 8400, 4)."""

    def __init__(self, classes: int = 80) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.neck = Neck()
        self.head = Head((64, 128, 256), strides=(8, 16, 32), classes=classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.head(self.neck(*self.backbone(x)))


if __name__ == "__main__":
    model = YOLOv8n().eval()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
    with torch.no_grad():
        print([tuple(y.shape) for y in model(torch.randn(1, 3, 640, 640))])
