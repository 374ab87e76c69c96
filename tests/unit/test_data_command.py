"""`inference-graph data`: what it prints, writes, skips and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inference_graph.cli.main import run
from inference_graph.workspace import Workspace
from rec_models.data.dataset import load_dataset
from rec_models.data.problems import InvalidData
from rec_models.synthetic import hold_out_last, make_world, read_world

SMALL = ["--users", "40", "--items", "60", "--events", "240"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INFERENCE_GRAPH_HOME", str(tmp_path / "run"))
    return tmp_path / "run"


def shop(folder: Path, rows: str = "a,x,1,2\nb,y,3,10\n") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "interactions.csv").write_text("user_id,item_id,timestamp,quantity\n" + rows)
    return folder


def test_prepare_writes_the_workspace_and_selects_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shop(tmp_path / "shop")
    assert run(["data", "prepare", str(folder)]) == 0
    assert "2 events of 2 users with 2 items, prepared in" in " ".join(capsys.readouterr().out.split())
    assert Workspace.current() == Workspace.of(folder)
    assert load_dataset(Workspace.current().data).description.name == "shop"


def test_prepare_skips_what_is_up_to_date_and_notices_every_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shop(tmp_path / "shop")
    hashes = []
    for expected, change in [(False, None), (True, None), (False, "rows"), (False, "settings"), (True, None)]:
        if change == "rows":
            shop(folder, "a,x,1,3\n")
        if change == "settings":
            (folder / "dataset.yaml").write_text("seen: off\n")
        assert run(["data", "prepare", str(folder), "--json"]) == 0
        result = json.loads(capsys.readouterr().out)
        assert result["up_to_date"] is expected
        hashes.append(result["hash"])
    assert len(set(hashes)) == 3


def test_prepare_makes_anew_what_was_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shop(tmp_path / "shop")
    run(["data", "prepare", str(folder)])
    (Workspace.of(folder).data / "items.parquet").unlink()
    capsys.readouterr()
    assert run(["data", "prepare", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["up_to_date"] is False


def test_prepare_refuses_broken_rows_and_selects_nothing(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "prepare", str(shop(tmp_path / "shop", "a,x,abc,1\n"))]) == 1
    assert "error: interactions.csv:2: timestamp: expected seconds since 1970, got 'abc'" in capsys.readouterr().err
    assert not home.exists()


def test_check_reports_sizes_ties_and_repeats(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shop(tmp_path / "shop", "a,x,1,1\na,y,5,1\na,x,5,1\nb,y,3,10\nb,y,3,10\n")
    assert run(["data", "check", str(folder), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert (figures["users"], figures["items"], figures["interactions"], figures["exact_duplicates"]) == (2, 2, 4, 1)
    assert (figures["tied_last"], figures["repeats"], figures["density"]) == (0.5, 0.25, 0.75)
    assert (figures["oldest"], figures["seen"]) == ("1970-01-01", "off")
    assert run(["data", "check", str(folder)]) == 0
    assert "tied last" in capsys.readouterr().out
    assert not home.exists()


def test_check_lists_the_first_twenty_problems_and_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shop(tmp_path / "shop", "a,x,abc,1\n" * 25)
    assert run(["data", "check", str(folder)]) == 1
    out = capsys.readouterr().out
    assert out.count("got 'abc'") == 20
    assert "interactions.csv:21: timestamp" in out
    assert "25 problems" in out
    assert run(["data", "check", str(folder), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["problem_count"] == 25


def test_synthesize_gives_the_same_bytes_for_the_same_seed(tmp_path: Path) -> None:
    for name, seed in [("one", "1"), ("same", "1"), ("other", "2")]:
        assert run(["data", "synthesize", str(tmp_path / name), "--seed", seed, *SMALL]) == 0
    files = {name: [path for path in (tmp_path / name).rglob("*") if path.is_file()] for name in ("one", "same", "other")}
    read = {name: {path.name: path.read_bytes() for path in paths} for name, paths in files.items()}
    assert read["one"] == read["same"]
    assert read["one"]["interactions.csv"] != read["other"]["interactions.csv"]
    assert set(read["one"]) == {"interactions.csv", "items.csv", "dataset.yaml", "world.npz"}


def test_synthesize_spares_a_folder_that_holds_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shop(tmp_path / "mine")
    assert run(["data", "synthesize", str(folder), *SMALL]) == 1
    assert "got something else; name another" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["interactions.csv"]


def test_synthesize_says_which_sizes_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "synthesize", str(tmp_path / "w"), "--users", "40", "--items", "60", "--events", "100"]) == 1
    assert "expected at least 50 items and from 5 to 7.5 events a user, got 40 users, 60 items, 100 events" in capsys.readouterr().err


def test_the_built_in_data_set_is_prepared_where_no_folder_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    source = Workspace.of(None).root / "source"
    assert run(["data", "synthesize", *SMALL]) == 0
    capsys.readouterr()
    for arguments in ([], [str(source)]):
        assert run(["data", "prepare", *arguments, "--json"]) == 0
        result = json.loads(capsys.readouterr().out)
        assert (result["name"], result["interactions"], result["kind"], result["seen"]["mode"]) == ("synthetic", 240, "ratings", "ever")
        assert Workspace.current() == Workspace.of(None)


def test_a_world_comes_back_from_its_truth_as_it_was(tmp_path: Path) -> None:
    run(["data", "synthesize", str(tmp_path / "w"), "--seed", "3", *SMALL])
    made, read = make_world(3, 40, 60, 240), read_world(tmp_path / "w")
    assert (made.oracle_scores(2, [5, 7], made.end) == read.oracle_scores(2, [5, 7], read.end)).all()
    assert (read.strengths, read.item_ids, read.seed) == (made.strengths, made.item_ids, 3)
    with pytest.raises(InvalidData, match=r"expected world\.npz"):
        read_world(tmp_path)


def test_holding_out_takes_exactly_each_users_last_interaction(tmp_path: Path) -> None:
    run(["data", "synthesize", str(tmp_path / "w"), *SMALL])
    hold_out_last(tmp_path / "w", tmp_path / "train")
    whole = (tmp_path / "w" / "interactions.csv").read_text().splitlines()[1:]
    held, kept = ((tmp_path / "train" / name).read_text().splitlines()[1:] for name in ("held_out.csv", "interactions.csv"))
    assert sorted([*held, *kept]) == sorted(whole)
    assert len(held) == 40
    for line in held:
        user, _, timestamp, _ = line.split(",")
        assert all(float(other.split(",")[2]) < float(timestamp) for other in kept if other.startswith(user))
    with pytest.raises(InvalidData, match="expected a synthesized folder"):
        hold_out_last(tmp_path / "nowhere", tmp_path / "out")
