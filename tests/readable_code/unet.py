"""U-Net as published (Ronneberger et al. 2015, arXiv:1505.04597): no padding, no norms."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DoubleConv(nn.Module):
    """Two 3x3 convolutions without padding, each with a ReLU: four rows and columns are lost."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3)
        self.conv2 = nn.Conv2d(channels, channels, 3)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.conv2(self.relu(self.conv1(x))))


def crop_to(x: Tensor, like: Tensor) -> Tensor:
    """The middle of `x`, in the height and width of `like`."""
    height, width = like.shape[-2:]
    top, left = (x.shape[-2] - height) // 2, (x.shape[-1] - width) // 2
    return x[..., top : top + height, left : left + width]


class Up(nn.Module):
    """Enlarge the coarse map, join it with the middle of the finer one, and convolve both twice."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, channels, 2, stride=2)
        self.convs = DoubleConv(2 * channels, channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x)
        return self.convs(torch.cat([crop_to(skip, x), x], dim=1))


class UNet(nn.Module):
    """Gives each pixel its scores: (B, 1, 572, 572) to (B, classes, 388, 388)."""

    def __init__(self, in_channels: int = 1, classes: int = 2) -> None:
        super().__init__()
        self.down1 = DoubleConv(in_channels, 64)
        self.down2 = DoubleConv(64, 128)
        self.down3 = DoubleConv(128, 256)
        self.down4 = DoubleConv(256, 512)
        self.bottom = DoubleConv(512, 1024)
        self.pool = nn.MaxPool2d(2)
        self.up4 = Up(1024, 512)
        self.up3 = Up(512, 256)
        self.up2 = Up(256, 128)
        self.up1 = Up(128, 64)
        self.head = nn.Conv2d(64, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        down1 = self.down1(x)  # (B, 64, 568, 568)
        down2 = self.down2(self.pool(down1))  # (B, 128, 280, 280)
        down3 = self.down3(self.pool(down2))  # (B, 256, 136, 136)
        down4 = self.down4(self.pool(down3))  # (B, 512, 64, 64)
        x = self.bottom(self.pool(down4))  # (B, 1024, 28, 28)
        x = self.up4(x, down4)  # (B, 512, 52, 52)
        x = self.up3(x, down3)  # (B, 256, 100, 100)
        x = self.up2(x, down2)  # (B, 128, 196, 196)
        x = self.up1(x, down1)  # (B, 64, 388, 388)
        return self.head(x)


if __name__ == "__main__":
    model = UNet().eval()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
    with torch.no_grad():
        print(tuple(model(torch.randn(1, 1, 572, 572)).shape))
