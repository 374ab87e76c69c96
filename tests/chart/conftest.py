"""The fixture that every test of the chart takes."""

from __future__ import annotations

import pytest
from rendered_chart import Chart, tool


@pytest.fixture(scope="session")
def chart() -> Chart:
    return Chart(tool("helm"))
