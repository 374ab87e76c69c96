"""The figures of the comparison, with how far chance moves its ratios."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from inference_graph.bench.figures import interval, ratio_of_medians
from inference_graph.errors import InferenceGraphError


@dataclass
class Measured:
    """Milliseconds of each round; `cpu` of the process that answered, for the floor of the client that asks."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, figures: tuple[float, float]) -> None:
        self.wall.append(figures[0])
        self.cpu.append(figures[1])


@dataclass(frozen=True)
class ComparisonFigures:
    """Milliseconds are medians, CPU is the mean a request; `noise` holds 95 % intervals of the ratios.

    `not_full` rounds were left out, because ours was an error or degraded in them.
    """

    ours_p50_ms: float
    floor_p50_ms: float
    empty_p50_ms: float
    naive_p50_ms: float
    ratio_to_floor: float
    overhead_to_empty: float
    naive_to_ours: float
    naive_cpu_to_ours: float
    controller_cpu_ms: float
    floor_cpu_ms: float
    empty_cpu_ms: float
    noise: dict[str, tuple[float, float]]
    not_full: int

    @classmethod
    def of(cls, rounds: dict[str, Measured], not_full: int) -> ComparisonFigures:
        if not rounds["ours"].wall:
            raise InferenceGraphError("not one answer of the comparison was full: is the machine busy with something else?")
        wall = {name: np.array(measured.wall) for name, measured in rounds.items()}
        p50 = {f"{name}_p50_ms": round(float(np.median(times)), 3) for name, times in wall.items()}
        cpu = {name: float(np.mean(measured.cpu)) for name, measured in rounds.items()}
        noise = {
            "ratio_to_floor": interval(wall["ours"], wall["floor"], of="ratio"),
            "overhead_to_empty": interval(wall["ours"], wall["floor"], wall["empty"], of="overhead"),
            "naive_to_ours": interval(wall["naive"], wall["ours"], of="ratio"),
        }
        return cls(
            **p50,
            ratio_to_floor=round(ratio_of_medians(wall["ours"], wall["floor"]), 3),
            overhead_to_empty=round((p50["ours_p50_ms"] - p50["floor_p50_ms"]) / p50["empty_p50_ms"], 3),
            naive_to_ours=round(ratio_of_medians(wall["naive"], wall["ours"]), 3),
            naive_cpu_to_ours=round(cpu["naive"] / cpu["ours"], 3),
            controller_cpu_ms=round(cpu["ours"], 3),
            floor_cpu_ms=round(cpu["floor"], 3),
            empty_cpu_ms=round(cpu["empty"], 3),
            not_full=not_full,
            noise={name: (round(low, 3), round(high, 3)) for name, (low, high) in noise.items()},
        )
