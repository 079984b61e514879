"""Which windows, contexts and frames belong together: numbers alone, no tensors."""

from dataclasses import dataclass

from ccstereo.config import ModelConfig
from ccstereo.windows import clip_indices, context_start, frame_index, window_count

CONTEXT_EVERY = 0.4  # seconds: windows so near to one another share one context embedding


@dataclass(frozen=True)
class WindowPlan:
    """Where a stream's windows stand, and what each needs.

    Window i starts at sample `start(i)` of the model's rate. Frame k is the frame shown at time k / frame_rate, time
    zero being the first sample. The `together` windows of a group share one context of `context` samples: around the
    middle of the group, or, in a live stream, up to the end of the group's first window, so that nothing waits for it.

    Attributes:
        config: of the model.
        hop: samples between two windows, 0 < hop <= the model's window.
        batch_size: windows computed together, >= 1; 1 in a live stream, which waits for no other window.
        live: whether delay is kept small.
    """

    config: ModelConfig
    hop: int
    batch_size: int
    live: bool = False

    @property
    def together(self) -> int:
        """Windows that share a context."""
        return -(-round(CONTEXT_EVERY * self.config.sample_rate) // self.hop)

    def start(self, window: int) -> int:
        """First sample of a window."""
        return window * self.hop

    def count(self, samples: int) -> int:
        """Windows of a sound of so many samples."""
        return window_count(samples, self.config.window, self.hop)

    def frame(self, window: int) -> int:
        """Index of the frame nearest a window's centre."""
        config = self.config
        return frame_index(self.start(window), config.window, config.sample_rate, config.frame_rate)

    def clip(self, window: int, frames: int) -> list[int]:
        """Indices of the frames that a window is predicted with, of `frames` that there are."""
        wanted = clip_indices(min(self.frame(window), frames - 1), self.config.clip_frames, self.config.clip_stride)
        return [min(max(0, index), frames - 1) for index in wanted]

    def looks_at(self, frame: int) -> bool:
        """Whether a window is predicted with this frame, where it is not the last one: that stands for all behind it.

        Models of clips look at every frame.
        """
        if self.config.clip_frames > 1:
            return True
        latest = ((frame + 0.5) / self.config.frame_rate * self.config.sample_rate - self.config.window / 2) / self.hop
        return any(self.frame(window) == frame for window in range(max(0, int(latest) - 1), int(latest) + 2))

    def group(self, window: int) -> int:
        """Number of the context that a window is conditioned on."""
        return window // self.together

    def context(self, group: int, samples: int) -> tuple[int, int]:
        """First sample and length of a group's context, of `samples` that there are; zeros may have to fill it up."""
        window, context = self.config.window, self.config.context
        if self.live:
            end = self.start(group * self.together) + window
            return max(0, end - context), min(end, context)
        length = min(context, max(samples, window))
        return context_start(self._middle(group), window, context, samples), length

    def samples_for(self, window: int) -> int:
        """Samples that must have come before a window can be computed, while more may come."""
        needed = self.start(window) + self.config.window
        if self.config.context and not self.live:
            around = self._middle(self.group(window)) + self.config.window + self._behind
            needed = max(needed, around, self.config.context)
        return needed

    def frames_for(self, window: int) -> int:
        """Frames that must have come before a window can be computed, while more may come.

        One, in a live stream: where a camera stalls, its last frame stands.
        """
        if self.live:
            return 1
        return max(clip_indices(self.frame(window), self.config.clip_frames, self.config.clip_stride)) + 1

    def oldest_sample(self, window: int) -> int:
        """First sample that this window or a later one can need."""
        first = self.group(window) * self.together if self.config.context else window
        return max(0, self.start(first) - self.config.context)

    def oldest_frame(self, window: int, frames: int) -> int:
        """Index of the first of `frames` frames that this window or a later one can need."""
        newest = min(self.frame(window), frames - 1)
        return max(0, min(clip_indices(newest, self.config.clip_frames, self.config.clip_stride)))

    @property
    def latency(self) -> float:
        """Seconds from a sample's coming to the latest moment at which it is ready: when its last window is computed.

        A sample waits for the last window that covers it, for the other windows of that one's batch, and for what lies
        behind the last of them in its context.
        """
        period = self.batch_size * self.together  # after which batches and groups meet alike
        waits = []
        for window in range(2 * period):  # the first ones, whose context lies behind them alone, included
            last = (window // self.batch_size + 1) * self.batch_size - 1
            waits.append(self.samples_for(last) - self.start(window))
        return max(waits) / self.config.sample_rate

    @property
    def _behind(self) -> int:
        return max(0, self.config.context - self.config.window) // 2

    def _middle(self, group: int) -> int:
        """First sample of a window amid those of a group."""
        return group * self.together * self.hop + (self.together - 1) * self.hop // 2
