"""The errors that ccstereo raises on purpose: each says which file, what is wrong, and what to do."""


class CCStereoError(Exception):
    """Base of every error whose one line is meant for the user."""


class UsageError(CCStereoError):
    """What was asked for does not exist or makes no sense; the command line ends with status 2."""


class MediaError(CCStereoError):
    """A video or sound file cannot be read or written."""


class WeightsError(CCStereoError):
    """Weights are missing, damaged, or do not fit the model."""


class DatasetError(CCStereoError):
    """A data set, or the material scenes are built from, is missing or unusable."""


class BackendError(CCStereoError):
    """A network cannot be run as asked: a package or device is missing, memory ran out, or it cannot be converted."""
