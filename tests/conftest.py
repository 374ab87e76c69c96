"""Figures that a run measured are printed at its end: they are for people, and nothing is asserted of them."""

from __future__ import annotations

FIGURE = "figure"


def pytest_terminal_summary(terminalreporter):
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    figures = [value for report in reports for name, value in getattr(report, "user_properties", ()) if name == FIGURE]
    if figures:
        terminalreporter.section("measured")
        for figure in figures:
            terminalreporter.write_line(figure)
