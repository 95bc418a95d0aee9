"""ResNet-50 (He et al. 2015, arXiv:1512.03385), with the stride in the 3x3 convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvNorm(nn.Module):
    """A convolution without bias, and its batch norm."""

    def __init__(self, in_channels: int, channels: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__()
        padding = kernel_size // 2
        self.conv = nn.Conv2d(in_channels, channels, kernel_size, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions with a connection around them."""

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        channels = 4 * width
        self.conv1 = ConvNorm(in_channels, width, 1)
        self.conv2 = ConvNorm(width, width, 3, stride)
        self.conv3 = ConvNorm(width, channels, 1)
        self.relu = nn.ReLU()
        self.shortcut = ConvNorm(in_channels, channels, 1, stride) if in_channels != channels else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.conv1(x))
        y = self.relu(self.conv2(y))
        return self.relu(self.conv3(y) + self.shortcut(x))


def make_stage(in_channels: int, width: int, depth: int, stride: int) -> nn.Sequential:
    """Bottlenecks in a row, of which the first takes the stride."""
    blocks = [Bottleneck(in_channels, width, stride)]
    blocks += [Bottleneck(4 * width, width) for _ in range(depth - 1)]
    return nn.Sequential(*blocks)


class ResNet50(nn.Module):
    """Classifies images: (B, 3, 224, 224) to (B, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = ConvNorm(3, 64, 7, stride=2)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stage1 = make_stage(64, 64, depth=3, stride=1)
        self.stage2 = make_stage(256, 128, depth=4, stride=2)
        self.stage3 = make_stage(512, 256, depth=6, stride=2)
        self.stage4 = make_stage(1024, 512, depth=3, stride=2)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(2048, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu(self.stem(x)))  # (B, 64, 56, 56)
        x = self.stage1(x)  # (B, 256, 56, 56)
        x = self.stage2(x)  # (B, 512, 28, 28)
        x = self.stage3(x)  # (B, 1024, 14, 14)
        x = self.stage4(x)  # (B, 2048, 7, 7)
        x = self.average(x).flatten(1)  # (B, 2048)
        return self.head(x)


if __name__ == "__main__":
    model = ResNet50().eval()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
    with torch.no_grad():
        print(tuple(model(torch.randn(1, 3, 224, 224)).shape))
