"""Rooms: the impulse responses of both ears in a shoebox with absorbing walls.

The image sources are pyroomacoustics' (Allen & Berkley 1979); each reaches the ears through the response of the
direction it comes from, as late as its way is longer than the direct one, weaker by distance and walls. The direct
sound is the dry one: it begins at time 0 with gain 1.
"""

from dataclasses import dataclass
from math import exp, log

import numpy as np
from scipy.fft import next_fast_len

from ccstereo.errors import DatasetError
from ccstereo.scenes.acoustics.hrir import SPEED_OF_SOUND, HRIRSet

SECONDS = 0.35  # of a response; a room of 0.6 s has fallen by 35 dB there
FLOOR = 30.0  # dB that walls alone may take from an image; what comes later is skipped
DENSITY = 10_000.0  # images a second beyond which more make no audible difference
STEPS = 8  # positions from one sample to the next at which an image may arrive
PAD = 16  # samples about a response for the ringing of its shifted versions
SIZES = ((3.5, 9.0), (3.0, 7.0), (2.4, 3.5))  # metres: length, width, height
REVERBERATION = (0.15, 0.6)  # seconds
SOFTNESS = (0.0, 0.05)
EARS = (1.1, 1.7)  # metres above the floor
DISTANCES = (1.0, 3.0)  # metres from the listener to a source
MARGIN = 0.3  # metres that a source keeps from every wall
WIDEST = 60.0  # degrees on either side at which a sampled room has space for a source


@dataclass(frozen=True)
class Room:
    """A shoebox room with a listener in it.

    Attributes:
        size: length, width and height in metres.
        listener: position of the head's centre in metres.
        facing: where the head looks, degrees from the length's direction towards the width's.
        rt60: seconds after which sound has fallen by 60 dB, by Eyring's formula.
        softness: coefficient in [0, 1) of the one-pole low-pass that each reflection goes through: how much more
            the walls take of high frequencies; 0 is the same at all.
        seed: of the choice of late images.
    """

    size: tuple[float, float, float]
    listener: tuple[float, float, float]
    facing: float
    rt60: float
    softness: float = 0.0
    seed: int = 0

    @property
    def absorption(self) -> float:
        """Fraction of the energy that a wall takes, by Eyring's formula.

        >>> round(Room((5.0, 4.0, 3.0), (2.5, 2.0, 1.5), 0.0, rt60=0.3).absorption, 3)
        0.29
        """
        length, width, height = self.size
        surface = 2 * (length * width + length * height + width * height)
        return 1 - exp(-24 * log(10) * length * width * height / (SPEED_OF_SOUND * surface * self.rt60))

    def heading(self, azimuth: float) -> np.ndarray:
        """(3,) unit vector in the room of an azimuth in degrees, positive to the listener's left, at ear height."""
        angle = np.radians(self.facing + azimuth)
        return np.array([np.cos(angle), np.sin(angle), 0.0])

    def reach(self, azimuth: float) -> float:
        """Metres to the farthest place at this azimuth that is `MARGIN` away from every wall."""
        heading, position, size = self.heading(azimuth)[:2], np.array(self.listener[:2]), np.array(self.size[:2])
        towards = np.where(heading > 0, size - position, position) - MARGIN
        return float((towards / np.maximum(np.abs(heading), 1e-9)).min())


def sample_room(seed: int) -> Room:
    """Choose a room in which a source has a place at every azimuth up to 60 degrees, the same for the same seed."""
    rng = np.random.default_rng([seed, *b"room"])
    size = tuple(float(rng.uniform(*bounds)) for bounds in SIZES)
    rt60, softness = float(rng.uniform(*REVERBERATION)), float(rng.uniform(*SOFTNESS))
    while True:  # about one in three has the space
        x, y = (float(rng.uniform(2 * MARGIN, extent - 2 * MARGIN)) for extent in size[:2])
        room = Room((size[0], size[1], size[2]), (x, y, float(rng.uniform(*EARS))), 0.0, rt60, softness, seed)
        room = Room(room.size, room.listener, float(rng.uniform(0, 360)), rt60, softness, seed)
        if min(room.reach(float(azimuth)) for azimuth in np.linspace(-WIDEST, WIDEST, 25)) >= DISTANCES[0]:
            return room


def room_responses(
    room: Room, head: HRIRSet, azimuths: np.ndarray, distances: np.ndarray, seconds: float = SECONDS
) -> np.ndarray:
    """Impulse responses of both ears to sources in a room.

    Late images are thinned: where more than `DENSITY` arrive in a second, a random fraction of them is kept, each
    louder by the root of one over it, which keeps the energy and the directions they come from.

    Args:
        room: the room and its listener.
        head: the ears; a set known on the front half circle alone, as the spherical head is, takes from
            elsewhere the response of the same angle to the axis through its ears.
        azimuths: (A,) degrees, positive to the left; sources are as high as the ears.
        distances: (A,) metres.
        seconds: length of the responses.

    Returns:
        (A, 2, K) float32, left ear first; without walls they would be `head.nearest(azimuth)`, then zeros.

    Raises:
        DatasetError: pyroomacoustics is missing, or a source is not inside the room, `MARGIN` from its walls.
    """
    taps = round(seconds * head.sample_rate)
    shifted = _shifted(head)
    out = np.zeros((len(azimuths), 2, taps), dtype=np.float32)
    for response, azimuth, distance in zip(out, azimuths.tolist(), distances.tolist(), strict=True):
        if not 0 < distance <= room.reach(azimuth):
            raise DatasetError(f"no place at {azimuth:g} degrees and {distance:g} m in a room of {room.size} m")
        direct = head.nearest(azimuth)[:, :taps]
        response += _echoes(room, head, azimuth, distance, taps, shifted)
        response[:, : direct.shape[-1]] += direct
    return out


def _echoes(room: Room, head: HRIRSet, azimuth: float, distance: float, taps: int, shifted: np.ndarray) -> np.ndarray:
    """All but the direct sound: (2, taps)."""
    offsets, gains, orders = _images(room, azimuth, distance)
    ways = np.linalg.norm(offsets, axis=-1)
    delays = (ways - distance) / SPEED_OF_SOUND * head.sample_rate
    # Images lie in space as densely as rooms of this volume fill it.
    density = 4 * np.pi * SPEED_OF_SOUND * np.square(ways) / float(np.prod(room.size))
    fraction = np.minimum(1.0, DENSITY / np.maximum(density, 1.0))
    rng = np.random.default_rng([room.seed, round(1_000 * (azimuth % 360.0)), round(1_000 * distance)])
    kept = (orders > 0) & (delays < taps - 1) & (rng.random(len(ways)) < fraction)
    offsets, ways, delays, orders = offsets[kept], ways[kept], delays[kept], orders[kept]
    gains = gains[kept] / np.sqrt(fraction[kept]) * distance / ways
    directions = _nearest(offsets / ways[:, None], room.facing, head)
    whole, step = np.divmod(np.round(delays * STEPS).astype(np.int64), STEPS)
    arriving = shifted[directions, step] * gains[:, None, None].astype(np.float32)  # (I, 2, k)

    # Images of one order have gone through the same low-pass as often: it is applied to their sum.
    groups, group = np.unique(orders if room.softness else np.zeros_like(orders), return_inverse=True)
    width = next_fast_len(taps + arriving.shape[-1], real=True)
    place = (2 * group[:, None, None] + np.arange(2)[:, None]) * width + whole[:, None, None]
    place = place + np.arange(arriving.shape[-1])
    sums = np.bincount(place.ravel(), arriving.ravel(), 2 * width * len(groups)).reshape(-1, 2, width)
    reflection = (1 - room.softness) / (1 - room.softness * np.exp(-2j * np.pi * np.fft.rfftfreq(width)))
    spectrum = np.zeros((2, len(reflection)), dtype=np.complex128)
    for order, part in zip(groups, sums, strict=True):
        spectrum += np.fft.rfft(part) * reflection**order
    return np.asarray(np.fft.irfft(spectrum, width)[:, PAD : PAD + taps])


def _images(room: Room, azimuth: float, distance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image sources: (I, 3) metres from the listener, (I,) amplitude left by the walls, (I,) number of reflections."""
    try:
        import pyroomacoustics
    except ImportError as error:
        raise DatasetError("rooms need pyroomacoustics; pip install 'ccstereo[rooms]'") from error
    walls = pyroomacoustics.Material(room.absorption)
    highest = int(np.ceil(FLOOR / 10 * log(10) / -log(1 - room.absorption)))
    box = pyroomacoustics.ShoeBox(room.size, materials=walls, max_order=highest, air_absorption=False)
    box.add_source(np.array(room.listener) + distance * room.heading(azimuth))
    box.add_microphone(room.listener)
    box.image_source_model()
    source = box.sources[0]
    offsets = source.images.T.astype(np.float64) - np.array(room.listener)
    return offsets, source.damping[0].astype(np.float64), source.orders


def _nearest(units: np.ndarray, facing: float, head: HRIRSet) -> np.ndarray:
    """(I,) index of the head's direction nearest to each of (I, 3) directions in the room."""
    angle = np.radians(facing)
    ahead = units @ np.array([np.cos(angle), np.sin(angle), 0.0])
    left = units @ np.array([-np.sin(angle), np.cos(angle), 0.0])
    if np.abs(head.directions[:, 0]).max() <= 90 and not head.directions[:, 1].any():
        relative = np.stack([np.sqrt(np.maximum(0.0, 1 - np.square(left))), left, np.zeros_like(left)], axis=-1)
    else:
        relative = np.stack([ahead, left, units[:, 2]], axis=-1)
    return np.asarray((relative.astype(np.float32) @ head.units.T.astype(np.float32)).argmax(-1))


def _shifted(head: HRIRSet) -> np.ndarray:
    """(N, STEPS, 2, K + 2 PAD) the head's responses after `PAD` samples and 0 to STEPS - 1 steps of a sample."""
    size = head.responses.shape[-1] + 2 * PAD
    delays = PAD + np.arange(STEPS) / STEPS
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(size) * delays[:, None])  # (STEPS, F)
    spectrum = np.fft.rfft(head.responses, size)[:, None]
    return np.fft.irfft(spectrum * turn[:, None], size).astype(np.float32)
