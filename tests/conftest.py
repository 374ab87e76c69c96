"""No example has a deadline; figures that a run measured are printed at its end: they are for people, and nothing is asserted of them."""

from __future__ import annotations

from hypothesis import settings

# A busy machine fails no test. The rest stays as Hypothesis chose it: it knows CI.
settings.register_profile("untimed", parent=settings(), deadline=None)
settings.load_profile("untimed")

FIGURE = "figure"


def pytest_terminal_summary(terminalreporter):
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    figures = [value for report in reports for name, value in getattr(report, "user_properties", ()) if name == FIGURE]
    if figures:
        terminalreporter.section("measured")
        for figure in figures:
            terminalreporter.write_line(figure)
