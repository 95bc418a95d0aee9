"""Four networks in plain torch, as one writes them by hand: what compiled drawings are measured against.

Modules are registered in the order of the drawings' weights, so that a state_dict carries over value by value.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Bottleneck(nn.Module):
    def __init__(self, C: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(C, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.downsample = None
        if 4 * width != C or stride > 1:
            self.downsample = nn.Sequential(nn.Conv2d(C, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        blocks, C = [], 64
        for i, (width, depth) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
            for k in range(depth):
                blocks.append(Bottleneck(C, width, 2 if i and k == 0 else 1))
                C = 4 * width
        self.layers = nn.Sequential(*blocks)
        self.fc = nn.Linear(C, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layers(self.maxpool(self.relu(self.bn1(self.conv1(x)))))
        return self.fc(x.mean((2, 3)))


def conv_bn(C: int, K: int, kernel: int, stride: int = 1, groups: int = 1, bend: bool = True) -> nn.Sequential:
    conv = nn.Conv2d(C, K, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(K), *([nn.ReLU6()] if bend else []))


class InvertedResidual(nn.Module):
    def __init__(self, C: int, K: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = C * expansion
        self.conv = nn.Sequential(
            *([conv_bn(C, middle, 1)] if expansion > 1 else []),
            conv_bn(middle, middle, 3, stride, middle),
            conv_bn(middle, K, 1, bend=False),
        )
        self.around = C == K and stride == 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.around else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_bn(3, 32, 3, 2)]
        C = 32
        rows = (
            (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
        )  # fmt: skip
        for expansion, K, depth, stride in rows:
            for k in range(depth):
                layers.append(InvertedResidual(C, K, 1 if k else stride, expansion))
                C = K
        self.features = nn.Sequential(*layers, conv_bn(C, 1280, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


class ViTBlock(nn.Module):
    def __init__(self, D: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.qkv, self.proj = nn.LayerNorm(D, 1e-6), nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.norm2, self.fc1, self.act, self.fc2 = (
            nn.LayerNorm(D, 1e-6), nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, L, D = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(B, L, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(*qkv.unbind(0))  # (B, heads, L, D / heads)
        x = x + self.proj(seen.transpose(1, 2).reshape(B, L, D))
        return x + self.fc2(self.act(self.fc1(self.norm2(x))))


class Tokens(nn.Module):
    def __init__(self, places: int, D: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, D))
        self.positions = nn.Parameter(torch.zeros(1, places + 1, D))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions


class ViTSmall(nn.Module):
    def __init__(self, side: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 384, 16, 16)
        self.tokens = Tokens((side // 16) ** 2, 384)
        self.blocks = nn.Sequential(*(ViTBlock(384, 6) for _ in range(12)))
        self.norm, self.head = nn.LayerNorm(384, 1e-6), nn.Linear(384, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)  # (B, L, D)
        x = self.tokens(x)
        return self.head(self.norm(self.blocks(x))[:, 0])


def double(C: int, K: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(C, K, 3, padding=1), nn.ReLU(), nn.Conv2d(K, K, 3, padding=1), nn.ReLU())


class Step(nn.Module):
    def __init__(self, K: int) -> None:
        super().__init__()
        self.up, self.join = nn.ConvTranspose2d(2 * K, K, 2, 2), double(2 * K, K)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        return self.join(torch.cat([skip, self.up(x)], 1))


class UNet(nn.Module):
    """As `unet_same`: with padding, so that nothing is cropped."""

    def __init__(self) -> None:
        super().__init__()
        widths = (64, 128, 256, 512, 1024)
        self.downs = nn.ModuleList(double(C, K) for C, K in zip((3, *widths), widths, strict=False))
        self.pool = nn.MaxPool2d(2, 2)
        self.steps = nn.ModuleList(Step(K) for K in reversed(widths[:-1]))
        self.head = nn.Conv2d(64, 21, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips = []
        for i, down in enumerate(self.downs):
            x = down(x if i == 0 else self.pool(x))
            skips.append(x)
        for step, skip in zip(self.steps, reversed(skips[:-1]), strict=True):
            x = step(x, skip)
        return self.head(x)
