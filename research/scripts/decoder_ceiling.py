"""How far true first-order ambisonics, heard through a decoder, are from the ears themselves, over mono's distance.

    python research/scripts/decoder_ceiling.py KEMAR.sofa

Pink noise from ten directions in front, at KEMAR's ears and as a plane wave in W, Y, Z, X. What a model gets in the
place of W is the sum of the ears, "mix". Each direction has the gain that fits best, and with "moved" the delay that
fits best as well, of up to 60 samples.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ccstereo.audio.ambisonics import DECODERS, encode, foa_to_binaural
from ccstereo.audio.stft import stft
from ccstereo.evaluation.report import markdown
from ccstereo.scenes import HRIRSet, load_sofa
from ccstereo.scenes.acoustics.decoders import load_decoder

RATE = 16_000
AZIMUTHS = (-75, -60, -45, -30, -20, 20, 30, 45, 60, 75)
DELAYS = range(61)  # samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sofa", type=Path, help="measured head")
    options = parser.parse_args()
    torch.set_num_threads(1)
    head, noise = load_sofa(options.sofa).resampled(RATE), pink_noise(RATE)
    lines = []
    for method in DECODERS:
        for name, sofa in (("spherical", None), (head.name, options.sofa)):
            decoder = load_decoder(method, sofa, RATE)
            found = []
            for of_mix in (False, True):
                pairs = []
                for azimuth in AZIMUTHS:
                    ears = at_ears(noise, head, azimuth)
                    heard = foa_to_binaural(encode(ears.sum(0) if of_mix else noise, azimuth), decoder)
                    pairs.append((ears, heard[:, : ears.shape[1]]))
                found += [over_mono(pairs, range(1)), over_mono(pairs, DELAYS)]
            lines.append([method, name, *(f"{value:.2f}" for value in found)])
    print(markdown(["decoder", "head", "W", "W, moved", "mix", "mix, moved"], lines))


def pink_noise(samples: int) -> Tensor:
    """A second or so whose power falls with frequency from 100 Hz on, (T,)."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(samples))
    sound = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.fft.rfftfreq(samples, 1 / RATE), 100)), samples)
    return torch.from_numpy(0.1 * sound / sound.std()).float()


def at_ears(sound: Tensor, head: HRIRSet, azimuth: float) -> Tensor:
    """The sound (T,) from a direction at both ears, (2, T)."""
    response = torch.from_numpy(np.array(head.responses[head.nearest_index(azimuth)])).float()
    length = len(sound) + response.shape[-1] - 1
    spectra = torch.fft.rfft(sound, length) * torch.fft.rfft(response, length)
    return torch.fft.irfft(spectra, length)[:, : len(sound)]


def over_mono(pairs: list[tuple[Tensor, Tensor]], delays: range) -> float:
    """Distance of what is heard from the ears, over that of half their sum at both."""
    distance = mono = 0.0
    for ears, heard in pairs:
        true = stft(ears)
        distance += min(distance_of(true, stft(torch.roll(heard, -delay, -1))) for delay in delays)
        mono += float((true - stft(ears.mean(0, keepdim=True).expand(2, -1))).square().sum())
    return distance / mono


def distance_of(true: Tensor, spec: Tensor) -> float:
    """Squared distance with the gain that fits best."""
    gain = (true * spec).sum() / spec.square().sum()
    return float((true - gain * spec).square().sum())


if __name__ == "__main__":
    main()
