"""The course of a loss while a model is trained: its mean over each hundredth of the steps."""

from __future__ import annotations


class LearningCurve:
    """`points`: the share of the steps that was done, from 0 to 1, and the mean loss since the point before."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []
        self._total, self._count = 0.0, 0

    def add(self, done: int, steps: int, loss: float) -> None:
        """The loss of step number `done` (from 1) of `steps`."""
        self._total, self._count = self._total + loss, self._count + 1
        if done == steps or done * 100 // steps > (done - 1) * 100 // steps:
            self.points.append((done / steps, self._total / self._count))
            self._total, self._count = 0.0, 0
