"""The data report: what it counts, whom it suspects, and which protocol it names for what reason."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from inference_graph.cli.main import run
from rec_models.data.report import Report, check_folder

Row = tuple[str, str, float]
HOUR = 3600


def report_of(folder: Path, rows: Iterable[Row], settings: str = "") -> Report:
    folder.mkdir(exist_ok=True)
    lines = [f"{user},{item},{timestamp}" for user, item, timestamp in rows]
    (folder / "interactions.csv").write_text("\n".join(["user_id,item_id,timestamp", *lines]) + "\n")
    (folder / "dataset.yaml").write_text(settings)
    return check_folder(folder)


def people(count: int, each: int = 4) -> list[Row]:
    """Everybody comes once a day, to another item."""
    return [(f"p{user}", f"i{(user + day) % 50}", day * 86_400 + user * 60) for user in range(count) for day in range(each)]


def test_leave_last_out_fits_where_users_have_one_last_interaction(tmp_path: Path) -> None:
    report = report_of(tmp_path, [("a", "x", 1), ("a", "y", 1), ("a", "z", 2), ("b", "x", 3)])
    assert report.protocol == "leave-last-out"
    assert report.meaning[0] == "protocol: leave-last-out, as every user has one last interaction"


def test_exactly_half_of_the_users_with_a_tied_last_second_is_not_more_than_half(tmp_path: Path) -> None:
    rows = [("a", "x", 1), ("a", "y", 5), ("a", "z", 5), ("b", "x", 3)]
    report = report_of(tmp_path, rows)
    assert report.protocol == "leave-last-out"
    said = "only 50.0% of the users have several interactions in their last second; which of them is the last one, their content decides"
    assert said in report.meaning[0]
    assert "the file decides" in report_of(tmp_path, rows, "ties: file\n").meaning[0]


def test_baskets_ask_for_leave_last_basket_out_and_say_whom_it_leaves_out(tmp_path: Path) -> None:
    baskets = [("a", item, moment) for moment in (1, 2, 3) for item in ("x", "y")] + [("b", "x", 9), ("b", "y", 9)]
    report = report_of(tmp_path, baskets)
    assert report.protocol == "leave-last-basket-out"
    assert report.figures is not None
    assert (report.figures.tied_last, report.figures.tied, report.figures.too_few_moments) == (1.0, 1.0, 1)
    assert "1 of 2 users have fewer than 3 baskets and are left out" in report.meaning[0]


def test_no_protocol_fits_where_nothing_comes_last(tmp_path: Path) -> None:
    report = report_of(tmp_path, [("a", "x", 7), ("b", "y", 7)])
    assert report.protocol is None
    assert "all interactions have one timestamp" in report.meaning[0]


def test_repeats_ask_for_both_modes_of_seen(tmp_path: Path) -> None:
    report = report_of(tmp_path, [("a", "x", 1), ("a", "x", 2), ("b", "x", 1), ("b", "y", 2)])
    assert report.figures is not None
    assert (report.figures.repeats, report.figures.repeats_last) == (0.25, 0.5)
    assert any("`seen: ever` and `seen: off` both" in sentence for sentence in report.meaning)
    assert not any("seen:" in sentence for sentence in report_of(tmp_path, people(3)).meaning)


def test_the_newest_tenth_tells_how_many_users_a_split_in_time_has(tmp_path: Path) -> None:
    report = report_of(tmp_path, [*((f"u{number}", "x", number) for number in range(18)), ("u1", "y", 100), ("new", "y", 101)])
    assert report.figures is not None
    assert (report.figures.users_in_newest_tenth, report.figures.of_them_known) == (2, 1)
    assert any("too few to tell near results apart" in sentence for sentence in report.meaning)


def test_people_are_not_suspected(tmp_path: Path) -> None:
    collector = [("collector", f"i{item}", 20 * item) for item in range(50)]
    assert report_of(tmp_path, [*people(60), *collector[:20]]).suspects == ()


def test_programs_are_suspected_by_volume_by_pace_and_by_never_sleeping(tmp_path: Path) -> None:
    volume = [("volume", f"i{n % 50}", n * 40_000) for n in range(600)]
    pace = [("pace", "i1", 50 * HOUR + n) for n in range(1_000)]
    sleepless = [("sleepless", "i2", hour * HOUR + 5) for hour in range(24)]
    report = report_of(tmp_path, [*people(60), *volume, *pace, *sleepless])
    found = {suspect.user_id: suspect.reason for suspect in report.suspects}
    assert list(found) == ["pace", "volume", "sleepless"]
    assert found["volume"] == "150 times the median user's interactions"
    assert "1000 different seconds in one hour" in found["pace"]
    assert "active in 24 hours of one day" in found["sleepless"]
    assert report.meaning[-1].startswith("3 users do more than a person would, 87.1% of the interactions")


def test_a_basket_of_a_thousand_is_one_moment_and_no_pace(tmp_path: Path) -> None:
    wholesale = [("shop", f"i{n}", 5.0) for n in range(1_000)]
    report = report_of(tmp_path, [*people(60), *wholesale])
    assert [suspect.reason for suspect in report.suspects] == ["250 times the median user's interactions"]


def test_broken_rows_are_counted_by_kind(tmp_path: Path) -> None:
    report = report_of(tmp_path, [("a", "x", "abc")] * 25 + [("", "x", -1)] * 2)  # type: ignore[list-item]
    assert report.figures is None
    assert report.protocol is None
    assert report.problem_kinds == {
        "interactions.csv: timestamp: expected seconds since 1970": 25,
        "interactions.csv: timestamp: expected seconds since 1970, not negative": 2,
        "interactions.csv: user_id: expected an identifier of 1 to 200 characters without control characters or outer spaces": 2,
    }
    assert report.problem_count == 29


@pytest.mark.parametrize("order", ["--json FILE last", "--json FILE first"])
def test_the_report_goes_to_a_file_as_json_and_is_shown_too(order: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report_of(tmp_path / "shop", people(3))
    folder, file = str(tmp_path / "shop"), str(tmp_path / "report.json")
    arguments = [folder, "--json", file] if order.endswith("last") else ["--json", file, folder]
    assert run(["data", "check", *arguments]) == 0
    assert json.loads(Path(file).read_text())["protocol"] == "leave-last-out"
    assert "protocol: leave-last-out" in capsys.readouterr().out


def test_a_second_name_without_json_is_refused_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report_of(tmp_path / "shop", people(3))
    assert run(["data", "check", str(tmp_path / "shop"), str(tmp_path / "other")]) == 2
    assert "say --json" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
