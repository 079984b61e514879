"""What a model predicts beside the mixture; it lies one folder up, for it serves NumPy's arrays, too."""

from ccstereo.targets import FOA as FOA
from ccstereo.targets import LEFT_RIGHT as LEFT_RIGHT
from ccstereo.targets import MID_SIDE as MID_SIDE
from ccstereo.targets import SPECTROGRAM as SPECTROGRAM
from ccstereo.targets import TARGETS as TARGETS
from ccstereo.targets import WAVEFORM as WAVEFORM
from ccstereo.targets import Target as Target
