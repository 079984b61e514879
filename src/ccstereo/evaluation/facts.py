"""What is known of a simulated scene besides its sound."""

from dataclasses import dataclass
from typing import Any

from ccstereo.scenes import Room


@dataclass(frozen=True)
class SourceFacts:
    """What is known of a source.

    Attributes:
        label: class.
        azimuths: degrees, positive to the left, at evenly spaced moments from start to end; one where it stands still.
            Beyond 60 degrees it is out of view.
        silent: whether it makes no sound.
        distance: metres from the listener, of sources in rooms.
    """

    label: str
    azimuths: tuple[float, ...]
    silent: bool
    distance: float | None = None


@dataclass(frozen=True)
class SceneFacts:
    """What is known of a scene.

    Attributes:
        id: names its folder.
        row: one of `ROWS`.
        seed: of `sample_scene`.
        sources: in view from left to right at the start, then those out of view.
        room: the room it stands in; None is dry.
        sha256: of its sound and frames, see `ccstereo.evaluation.benchmark.storage`.
    """

    id: str
    row: str
    seed: int
    sources: tuple[SourceFacts, ...]
    room: Room | None = None
    sha256: str = ""

    @property
    def still(self) -> bool:
        """Whether nothing moves."""
        return all(len(source.azimuths) == 1 for source in self.sources)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "SceneFacts":
        """Invert `dataclasses.asdict`, also after JSON has made lists of tuples."""
        sources = tuple(
            SourceFacts(**{**source, "azimuths": tuple(source["azimuths"])}) for source in values["sources"]
        )
        room = values["room"] and Room(
            **{**values["room"], "size": tuple(values["room"]["size"]), "listener": tuple(values["room"]["listener"])}
        )
        return cls(**{**values, "sources": sources, "room": room or None})
