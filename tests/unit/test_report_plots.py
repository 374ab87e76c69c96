"""Plots of the report: axes with round numbers, labels that can be told apart."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from rec_models.evaluation import svg

TEXT = re.compile(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>')


@pytest.mark.parametrize(
    ("most", "marks"),
    [
        (0.2, ["0", "0.05", "0.1", "0.15", "0.2"]),
        (0.0299, ["0", "0.01", "0.02", "0.03"]),
        (1.0, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (6.5, ["0", "2", "4", "6"]),
        (100.0, ["0", "20", "40", "60", "80", "100"]),
    ],
)
def test_an_axis_is_marked_at_round_values(most: float, marks: list[str]) -> None:
    drawn = svg.lines({"curve": [(0.0, 0.0), (1.0, most)]}, "across", "up")
    shown = [text for x, _, text in TEXT.findall(drawn) if float(x) < svg.LEFT and re.fullmatch(r"[\d.]+", text)]
    assert shown == marks


def test_a_logarithmic_axis_is_marked_at_one_two_and_five() -> None:
    drawn = svg.lines({"curve": [(10.0, 0.1), (500.0, 0.4)]}, "across", "up", logarithmic=True)
    below = [text for _, y, text in TEXT.findall(drawn) if float(y) == svg.HEIGHT - svg.BOTTOM + 18]
    assert below == ["10", "20", "50", "100", "200", "500"]


def test_labels_of_points_that_lie_together_do_not_cover_each_other() -> None:
    together = ("EASE", "iALS", "item-kNN", "popularity")
    places = {name: (1.0 + 0.01 * number, 0.05) for number, name in enumerate(together)} | {"graph": (40.0, 0.2)}
    drawn = svg.points(places, "across", "up", "graph")
    heights = sorted(float(y) for _, y, text in TEXT.findall(drawn) if text in together)
    assert all(above + svg.LINE <= below for above, below in pairwise(heights))
