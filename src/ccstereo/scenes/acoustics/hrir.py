"""Head-related impulse responses: a spherical head in closed form, or any measured head from a SOFA file."""

import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import soxr
import torch
from torch import Tensor

from ccstereo.audio.convolve import convolve_blocks
from ccstereo.errors import DatasetError

SPEED_OF_SOUND = 343.0  # metres a second, air at 20 degrees Celsius
TAPS = 128  # of the spherical head
BLOCK = 1024  # samples of a transform, at least, by which heads render
HEAD_RADIUS = 0.0875  # metres, the average head of Brown & Duda (1998)


@dataclass(frozen=True)
class HRIRSet:
    """Impulse responses of both ears for a set of directions.

    Attributes:
        name: what the set is called in reports.
        directions: (N, 2) azimuth and elevation in degrees, azimuth positive to the left.
        responses: (N, 2, K) float32, left ear first.
        sample_rate: Hz.
    """

    name: str
    directions: np.ndarray
    responses: np.ndarray
    sample_rate: int

    def nearest(self, azimuth: float, elevation: float = 0.0) -> np.ndarray:
        """The measured pair (2, K) float32, left ear first, nearest to a direction in degrees, positive left and up."""
        return np.asarray(self.responses[self.nearest_index(azimuth, elevation)])

    def nearest_index(self, azimuth: float, elevation: float = 0.0) -> int:
        """Index of the measured direction with the smallest angle to the given one."""
        return int(np.argmax(self.units @ _unit(np.array([[azimuth, elevation]]))[0]))

    def nearest_indices(self, azimuths: np.ndarray, elevation: float = 0.0) -> np.ndarray:
        """Indices (M,) of the measured directions nearest to (M,) azimuths at one elevation, in degrees."""
        units = _unit(np.stack([azimuths, np.full_like(azimuths, elevation)], axis=-1))
        return np.asarray((self.units @ units.T).argmax(0))

    def render(self, dry: np.ndarray, index: int) -> np.ndarray:
        """Bring a (T,) sound from a measured direction to both ears: (2, T + K - 1) float32, left ear first."""
        taps = self.responses.shape[-1]
        size = 1 << (2 * taps - 1).bit_length()  # a block of twice as many samples or more
        # In a room, of which each scene has another, only the spectra that are needed.
        spectra = torch.fft.rfft(torch.tensor(self.responses[index]), size) if size > BLOCK else self._spectra[index]
        return convolve_blocks(torch.from_numpy(dry.astype(np.float32)), spectra, taps).numpy()

    @cached_property
    def _spectra(self) -> Tensor:
        """(N, 2, BLOCK / 2 + 1) of all responses."""
        spectra: Tensor = torch.fft.rfft(torch.tensor(self.responses), BLOCK)
        return spectra

    @cached_property
    def units(self) -> np.ndarray:
        """(N, 3) unit vectors of the directions: to the front, to the left, upwards."""
        return _unit(self.directions)

    def resampled(self, sample_rate: int) -> "HRIRSet":
        """Return the same head at another rate: responses used at a rate that is not theirs stretch every delay."""
        if sample_rate == self.sample_rate:
            return self
        count, ears, taps = self.responses.shape
        flat = self.responses.reshape(count * ears, taps).T.astype(np.float64)
        out = soxr.resample(flat, self.sample_rate, sample_rate, quality="VHQ")
        # The filter's gain goes with the sampling interval: keep the response's frequency gain, not its samples.
        out = out.T.reshape(count, ears, -1) * (self.sample_rate / sample_rate)
        return HRIRSet(self.name, self.directions, out.astype(np.float32), sample_rate)


def _delayed(responses: np.ndarray, delays: np.ndarray) -> np.ndarray:
    """Put the delays in samples that a SOFA file keeps apart back before the (N, 2, K) responses."""
    delays = delays - delays.min()
    if not delays.any():
        return responses
    taps = responses.shape[-1]
    size = 2 * taps + int(np.ceil(delays.max()))
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(size) * delays[..., None])
    shifted = np.fft.irfft(np.fft.rfft(responses, size) * turn, size)
    return np.asarray(shifted[..., : size - taps], dtype=np.float32)


def _unit(directions: np.ndarray) -> np.ndarray:
    azimuth, elevation = np.radians(directions).T
    return np.stack(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], axis=-1
    )


def spherical_head_delay(incidence: np.ndarray | float, radius: float = HEAD_RADIUS) -> np.ndarray:
    """Seconds from the centre of a rigid sphere to an ear (Woodworth & Schlosberg 1954).

    Negative where the ear is nearer than the centre. Incidence is the angle in degrees, 0 to 180, between the source
    and the axis through the ear; the radius is in metres.
    """
    angle = np.radians(np.asarray(incidence, dtype=np.float64))
    direct = -np.cos(angle)
    around = angle - np.pi / 2
    return np.where(angle < np.pi / 2, direct, around) * radius / SPEED_OF_SOUND


def spherical_head(sample_rate: int, azimuths: np.ndarray | None = None, radius: float = HEAD_RADIUS) -> HRIRSet:
    """Build a head in closed form: travel time around a rigid sphere and its shadow.

    The shadow is the one-pole, one-zero filter of Brown & Duda, "A structural model for binaural sound
    synthesis", IEEE Trans. Speech and Audio Processing 6(5), 1998, equations 3-5; the travel time is
    Woodworth's. Ears stand at +-90 degrees; there is no pinna, so elevation changes nothing beyond the angle.

    Args:
        sample_rate: Hz.
        azimuths: (N,) degrees, positive to the left; every degree of the front half circle by default.
        radius: of the head, metres.

    Returns:
        The set, at elevation 0, of responses of `TAPS` samples.
    """
    azimuths = np.arange(-90.0, 91.0) if azimuths is None else np.asarray(azimuths, dtype=np.float64)
    wrapped = (azimuths + 180.0) % 360.0 - 180.0
    incidence = np.stack([np.abs(90.0 - wrapped), np.abs(-90.0 - wrapped)], axis=-1)  # (N, 2) left, right
    incidence = np.where(incidence > 180.0, 360.0 - incidence, incidence)

    omega = 2 * np.pi * np.fft.rfftfreq(TAPS, 1 / sample_rate)
    omega_0 = SPEED_OF_SOUND / radius
    alpha_min, theta_min = 0.1, 150.0
    alpha = (1 + alpha_min / 2) + (1 - alpha_min / 2) * np.cos(np.pi * incidence / theta_min)
    shadow = (1 + 0.5j * alpha[..., None] * omega / omega_0) / (1 + 0.5j * omega / omega_0)
    # A quarter of the response goes by before the head's centre is reached, so that the nearer ear stays causal.
    delay = spherical_head_delay(incidence, radius) + (TAPS // 4) / sample_rate
    spectrum = shadow * np.exp(-1j * omega * delay[..., None])
    spectrum[..., -1] = spectrum[..., -1].real  # a real response has a real Nyquist bin
    responses = np.fft.irfft(spectrum, TAPS).astype(np.float32)
    directions = np.stack([azimuths, np.zeros_like(azimuths)], axis=-1)
    return HRIRSet("spherical head", directions, responses, sample_rate)


def load_sofa(path: str | Path) -> HRIRSet:
    """Read a measured head from a SOFA file (AES69, SimpleFreeFieldHRIR).

    Args:
        path: the file; needs the `sofar` package (`pip install 'ccstereo[hrtf]'`).

    Returns:
        The set at the file's own rate; see `HRIRSet.resampled`.

    Raises:
        DatasetError: the file or the package is missing, or the file holds no pair of responses.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetError(f"{path}: no such SOFA file")
    if path.suffix.lower() != ".sofa":  # sofar would read the file of that name instead
        raise DatasetError(f"{path}: not a SOFA file; its name must end in .sofa")
    try:
        import sofar
    except ImportError as error:
        raise DatasetError(f"{path}: reading SOFA files needs sofar; pip install 'ccstereo[hrtf]'") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # older conventions of the format are fine for what is read here
            sofa = sofar.read_sofa(str(path), verbose=False)
        responses = np.asarray(sofa.Data_IR, dtype=np.float32)
        positions = np.atleast_2d(np.asarray(sofa.SourcePosition, dtype=np.float64))
        rate = round(float(np.ravel(sofa.Data_SamplingRate)[0]))
        kind = str(sofa.SourcePosition_Type)
        delays = np.atleast_2d(np.asarray(sofa.Data_Delay, dtype=np.float64))
    except Exception as error:  # sofar raises whatever its netCDF reader does
        reason = " ".join(str(error).split())
        raise DatasetError(f"{path}: not a SOFA file with head-related impulse responses ({reason})") from error
    if responses.ndim != 3 or responses.shape[1] != 2 or len(responses) != len(positions):
        found = f"an array of shape {responses.shape} for {len(positions)} positions of the source"
        raise DatasetError(f"{path}: needs a pair of responses for each position of the source, found {found}")
    responses = _delayed(responses, delays)
    if kind == "cartesian":
        x, y, z = positions.T
        directions = np.degrees(np.stack([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))], axis=-1))
    else:
        directions = positions[:, :2].copy()
    directions[:, 0] = (directions[:, 0] + 180.0) % 360.0 - 180.0
    # Receiver positions cannot be trusted (CIPIC's SOFA files name the right ear first but store the left one):
    # the ear that sources on the left reach with more energy is the left ear.
    on_left = (directions[:, 0] > 30) & (directions[:, 0] < 150)
    energy = np.square(responses[on_left]).sum((0, 2))
    if on_left.any() and energy[1] > energy[0]:
        responses = responses[:, ::-1].copy()
    return HRIRSet(path.stem, directions, responses, rate)
