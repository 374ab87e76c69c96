"""dataset.yaml: what it changes, and how it says that it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rec_models.data.prepare import prepare
from rec_models.data.problems import InvalidData
from rec_models.data.settings import Columns, Files, Kinds, Settings


def folder_with(folder: Path, settings: str, interactions: str = "user_id,item_id,timestamp\na,x,1\n", items: str | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "interactions.csv").write_text(interactions)
    (folder / "dataset.yaml").write_text(settings)
    if items is not None:
        (folder / "items.csv").write_text(items)
    return folder


def test_columns_kinds_and_seen_are_taken_from_it(tmp_path: Path) -> None:
    settings = """
columns: {user_id: who, item_id: [sku, id], timestamp: at, weight: amount, title: label}
kinds: {interactions: events, type: borrowing, columns: {code: text, url: skip}}
seen: {within: 30d}
"""
    interactions = "who,sku,at,amount,rating\na,7,1,3,1\n"
    items = "id,label,code,url\n7,Seven,0012,http\n"
    result = prepare(folder_with(tmp_path / "data", settings, interactions, items), tmp_path / "out")
    assert result.dataset.interactions.select("user_id", "item_id", "type", "value").rows() == [("a", "7", "borrowing", 3.0)]
    assert result.dataset.items.rows() == [("7", "Seven", [], "Seven", "0012")]
    assert (result.dataset.description.seen.mode, result.dataset.description.seen.within_days) == ("within", 30.0)
    assert result.dataset.description.columns == {"code": "text"}


def test_every_guess_says_how_to_change_it_and_what_is_told_is_no_guess(tmp_path: Path) -> None:
    notes = prepare(folder_with(tmp_path / "data", ""), tmp_path / "out").notes
    assert any("kinds.interactions" in note for note in notes)
    assert any("seen: ever" in note and "dataset.yaml" in note for note in notes)
    told = "files: {interactions: interactions.csv}\nkinds: {interactions: events, type: view}\nseen: off\n"
    notes = prepare(folder_with(tmp_path / "data", told), tmp_path / "out").notes
    assert not any("dataset.yaml" in note for note in notes)


def test_stars_beyond_five_are_pointed_out(tmp_path: Path) -> None:
    rows = "user_id,item_id,timestamp,rating\na,x,1,10\n"
    assert any("ratings go up to 10" in note for note in prepare(folder_with(tmp_path / "data", "", rows), tmp_path / "out").notes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("file: {}", "dataset.yaml: file: unknown key, expected one of files, columns, kinds, seen, ties"),
        ("files: {interaction: a.csv}", "files.interaction: unknown key, expected one of interactions, items, users, tags"),
        ("files: {items: missing.csv}", "files.items: "),
        ("files: {items: items.xlsx}", "files.items: expected a name that ends in .csv, .csv.gz, .parquet, .dat, got 'items.xlsx'"),
        ("columns: {weight: amount}", "columns.weight: no file has a column 'amount' (interactions.csv: user_id, item_id, timestamp)"),
        ("kinds: {interactions: ratings}", "expected a column 'rating', got user_id, item_id, timestamp"),
        ("kinds: {columns: {price: money}}", "kinds.columns.price: input should be 'number', 'text' or 'skip', got 'money'"),
        ("kinds: {columns: {price: number}}", "kinds.columns.price: the items have no such column (there is no items file)"),
        ("seen: sometimes", "seen: expected `ever`, `off` or `{within: 30d}` (days), got 'sometimes'"),
        ("seen: {within: 30}", "seen: expected `ever`, `off` or `{within: 30d}` (days)"),
        ("seen: {within: 0d}", "seen: expected `ever`"),
        ("ties: random", "ties: input should be 'content' or 'file', got 'random'"),
        ("[1]", "dataset.yaml: the file: "),
        ("a: [", "dataset.yaml: expected YAML"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(tmp_path: Path, settings: str, message: str) -> None:
    with pytest.raises(InvalidData) as caught:
        prepare(folder_with(tmp_path / "data", settings), tmp_path / "out")
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_the_documentation_names_every_key_and_its_examples_are_valid(tmp_path: Path) -> None:
    documentation = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    blocks = [block.split("```")[0] for block in documentation.split("```yaml\n")[1:]]
    named = [Settings.model_validate(yaml.safe_load(block)) for block in blocks]
    for section in (Files, Columns, Kinds):
        name = section.__name__.lower()
        assert getattr(named[-1], name).model_fields_set == set(section.model_fields), name
    assert named[-1].model_fields_set == set(Settings.model_fields)


def test_the_worked_example_of_the_documentation_works(tmp_path: Path) -> None:
    documentation = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    tree, settings = documentation.split("```\n")[1].splitlines()[1:], documentation.split("```yaml\n")[1].split("```")[0]
    lines = [line.split(None, 1) if line.startswith("  ") and line[2] != " " else ["", line.strip()] for line in tree]
    folder = tmp_path / "my-shop"
    folder.mkdir()
    name = ""
    for named, content in lines:
        name = named or name
        with (folder / name).open("a") as file:
            file.write(content.strip() + "\n")
    (folder / "dataset.yaml").write_text(settings)
    dataset = prepare(folder, tmp_path / "out").dataset
    assert sorted(dataset.interactions["value"].to_list()) == [1.0, 2.0, 4.0]
    assert dataset.items["categories"].to_list() == [["Lighting"], ["Lighting", "Office"]]
    assert dataset.description.columns == {"price": "number", "maker": "text"}
