"""360 degree video: how its frames are laid out, and the same frames as equirectangular ones."""

from ccstereo.media.spherical.detect import Detection, detect_projection
from ccstereo.media.spherical.equirectangular import ToEquirectangular
from ccstereo.media.spherical.projection import Projection

__all__ = ["Detection", "Projection", "ToEquirectangular", "detect_projection"]
