"""Where a frame draws the eye, by nothing but its spectrum: for baselines that learn nothing."""

import torch
from torch import Tensor
from torch.nn import functional as F

SIZE = (64, 128)  # (height, width) at which frames are analysed
SMOOTHING = 2.5  # deviation of the Gaussian over the map, in its pixels


def spectral_residual(frames: Tensor) -> Tensor:
    """Saliency maps of frames: what their log spectrum has beyond its own local mean (Hou and Zhang, CVPR 2007).

    Args:
        frames: (N, 3, H, W), any range.

    Returns:
        (N, 64, 128) float32, each map from 0 to 1; all zero for a frame of one colour.
    """
    grey = F.interpolate(frames.float(), SIZE, mode="bilinear", align_corners=False, antialias=True).mean(1)
    spectrum = torch.fft.fft2(grey)
    log = (spectrum.abs() + 1e-6).log()[:, None]
    residual = (log - F.avg_pool2d(F.pad(log, (1, 1, 1, 1), mode="circular"), 3, 1))[:, 0]
    unlike = torch.fft.ifft2(torch.polar(residual.exp(), spectrum.angle())).abs().square()
    reach = round(3 * SMOOTHING)
    bell = torch.exp(-torch.arange(-reach, reach + 1.0).square() / (2 * SMOOTHING**2))
    bell = bell / bell.sum()
    smooth = F.conv2d(unlike[:, None], bell.view(1, 1, -1, 1), padding=(reach, 0))
    smooth = F.conv2d(smooth, bell.view(1, 1, 1, -1), padding=(0, reach))[:, 0]
    plain = grey.std((1, 2), keepdim=True) < 1e-3
    smooth = torch.where(plain, torch.zeros_like(smooth), smooth)
    return smooth / smooth.amax((1, 2), keepdim=True).clamp_min(1e-12)


def salient_columns(frames: Tensor) -> Tensor:
    """Horizontal position of the most salient place of frames (N, 3, H, W): (N,) from 0, left, to 1.

    It is the centre of mass of what is above half of the map's peak; the middle of a frame of one colour.

    >>> frames = torch.zeros(1, 3, 64, 128)
    >>> frames[..., 20:40, 90:100] = 1.0
    >>> bool(abs(salient_columns(frames)[0] - 0.74) < 0.06)
    True
    """
    maps = spectral_residual(frames)
    strong = torch.where(maps > 0.5, maps, torch.zeros_like(maps)).sum(1)  # (N, 128)
    places = (torch.arange(strong.shape[1]) + 0.5) / strong.shape[1]
    total = strong.sum(1)
    return torch.where(total > 0, (strong * places).sum(1) / total.clamp_min(1e-12), torch.full_like(total, 0.5))
