"""Plots as SVG that scales to a phone's width: bars with intervals, lines, labelled points. No script, no font but the page's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, LEFT, RIGHT, TOP, BOTTOM, HEIGHT, BAR = 520, 60, 26, 18, 46, 340, 26
LINE, LABEL = 15, 130  # what a label needs of room, down and across
HEADROOM, MOST_DOTS = 1.15, 20
COLOURS = ("#0b63ce", "#d9480f", "#2b8a3e", "#9c36b5", "#b08900", "#0c8599", "#868e96")
Point = tuple[float, float]


def bars(rows: Sequence[tuple[str, float, float, float]], strong: str) -> str:
    """Horizontal bars of (label, mean, low, high), the one named `strong` in the accent colour."""
    label_width = 160
    most = max([high for _, _, _, high in rows if not math.isnan(high)], default=1.0) or 1.0
    scale = (WIDTH - label_width - 80) / most
    parts = []
    for number, (label, mean, low, high) in enumerate(rows):
        if math.isnan(mean):
            continue
        y, end = 4 + number * BAR, label_width + mean * scale
        colour = COLOURS[0] if label == strong else "#adb5bd"
        parts.append(
            f'<text x="{label_width - 8}" y="{y + 15}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="{label_width}" y="{y}" width="{max(0.0, mean * scale):.1f}" height="{BAR - 8}" fill="{colour}"/>'
            f'<path d="M{label_width + low * scale:.1f} {y + 9}H{label_width + high * scale:.1f}" stroke="#212529" stroke-width="2"/>'
            f'<text x="{max(end, label_width + high * scale) + 6:.1f}" y="{y + 15}">{mean:.4f}</text>'
        )
    return _svg(8 + len(rows) * BAR, parts)


def lines(
    curves: Mapping[str, Sequence[Point]], across: str, up: str, diagonal: bool = False, logarithmic: bool = False, from_zero: bool = True
) -> str:
    """One line a curve; `diagonal` draws where both are equal; where asked, the axis across is logarithmic, the one up fits the values."""
    points = [point for curve in curves.values() for point in curve]
    if not points:
        return ""
    axes = _Axes(points, logarithmic, same=diagonal, from_zero=from_zero)
    parts = [axes.drawn(across, up)]
    if diagonal:
        (x0, y0), (x1, y1) = axes.at((0.0, 0.0)), axes.at((axes.right, axes.right))
        parts.append(f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="#adb5bd" stroke-dasharray="4 4"/>')
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in map(axes.at, curve))
        marked = curve if len(curve) <= MOST_DOTS else ()
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in map(axes.at, marked))
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}')
        parts.append(f'<text x="{LEFT + 10}" y="{TOP + 16 + 17 * number}" fill="{colour}">{escape(name)}</text>')
    return _svg(HEIGHT, parts)


def points(places: Mapping[str, Point], across: str, up: str, strong: str) -> str:
    """Labelled points; the axis across is logarithmic."""
    axes = _Axes(list(places.values()), logarithmic=True, same=False, from_zero=True)
    parts, written = [axes.drawn(across, up)], list[Point]()
    for (x, y), name in sorted((axes.at(place), name) for name, place in places.items()):
        colour = COLOURS[0] if name == strong else "#495057"
        anchor, shift = ("end", -7) if x > WIDTH * 0.7 else ("start", 7)
        height = y - 5
        while any(abs(x - other) < LABEL and abs(height - taken) < LINE for other, taken in written):
            height -= 1
        written.append((x, height))
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{x + shift:.1f}" y="{height:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(name)}</text>')
    return _svg(HEIGHT, parts)


class _Axes:
    """From values to places in the picture."""

    def __init__(self, points: Sequence[Point], logarithmic: bool, same: bool, from_zero: bool) -> None:
        self.logarithmic = logarithmic
        across, up = [self._scaled(x) for x, _ in points], [y for _, y in points]
        self.left, self.right = (min(across), max(across)) if logarithmic else (0.0, max(across) or 1.0)
        self.bottom = 0.0 if from_zero else min(up)
        self.top = self.bottom + (HEADROOM * (max(up) - self.bottom) or 1.0)
        if same:
            self.right = self.top = max(self.right, self.top)
        if self.right == self.left:
            self.right += 1.0

    def at(self, point: Point) -> Point:
        share = (self._scaled(point[0]) - self.left) / (self.right - self.left)
        height = (point[1] - self.bottom) / (self.top - self.bottom)
        return LEFT + share * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - height * (HEIGHT - TOP - BOTTOM)

    def drawn(self, across: str, up: str) -> str:
        base, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        marks = [
            f'<text x="{self.at((tick, 0.0))[0]:.1f}" y="{base + 18}" text-anchor="middle">{tick:.6g}</text>'
            for tick in (_by_factors(10**self.left, 10**self.right) if self.logarithmic else _even(0.0, self.right))
        ]
        marks += [
            f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#e9ecef"/><text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.6g}</text>'
            for value, y in ((tick, self.at((0.0, tick))[1]) for tick in _even(self.bottom, self.top))
        ]
        names = f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(across)}</text>'
        names += f'<text x="{LEFT}" y="{TOP - 3}" font-size="12">{escape(up)}</text>'
        return "".join(marks) + names

    def _scaled(self, x: float) -> float:
        return math.log10(max(x, 1e-6)) if self.logarithmic else x


def _even(low: float, high: float) -> list[float]:
    """Round values from `low` to `high`, at most six."""
    span = high - low
    unit = 10.0 ** math.floor(math.log10(span))
    step = next(step for step in (unit / 5, unit / 2, unit, 2 * unit) if span / step < 6)
    return [step * number for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _by_factors(low: float, high: float) -> list[float]:
    """Round values between the two: 1, 2 and 5 times powers of ten; powers alone where the span is wide."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if high < 100 * low else (1,)
    return [value for power in powers for factor in factors if low * (1 - 1e-9) <= (value := factor * 10.0**power) <= high * (1 + 1e-9)]


def _svg(height: int, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" font-size="14">{"".join(parts)}</svg>'
