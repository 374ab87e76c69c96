"""What data folders may look like, and what becomes of them."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from inference_graph.features import interaction_value, tie_break
from rec_models.data.dataset import Dataset, load_dataset, value_of
from rec_models.data.prepare import prepare
from rec_models.data.problems import InvalidData

REAL = Path(__file__).parents[3] / "shared" / "data"


def write(folder: Path, **files: str) -> Path:
    """Files by name, `interactions_csv` for interactions.csv."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    return folder


def prepared(folder: Path) -> Dataset:
    out = folder.parent / f"{folder.name}-prepared"
    prepare(folder, out)
    return load_dataset(out)


RATINGS = "userId,movieId,rating,timestamp\n1,10,4.5,100\n2,9,2.0,50\n1,9,5.0,200\n"
MOVIES = (
    "movieId,title,genres\n"
    '9,"City of Lost Children, The (Cité des enfants perdus, La) (1995)",Adventure|Drama\n'
    "10,Babylon 5,(no genres listed)\n"
    "11,Late Show (2001–2003) ,Comedy\n"
)


def test_a_movielens_folder_gives_years_genres_and_tags(tmp_path: Path) -> None:
    tags = "userId,movieId,tag,timestamp\n1,9,Surreal,1\n2,9,surreal,2\n1,9,french,3\n"
    data = prepared(write(tmp_path / "ml", ratings_csv=RATINGS, movies_csv=MOVIES, tags_csv=tags))
    assert data.items["item_id"].to_list() == ["10", "11", "9"]
    assert data.items["year"].to_list() == [None, 2001.0, 1995.0]
    assert data.items["categories"].to_list() == [[], ["Comedy"], ["Adventure", "Drama"]]
    assert data.items["text"][2] == f"{data.items['title'][2]}. Adventure, Drama. surreal, french"
    assert data.interactions.select("user_id", "item_id", "type", "value").rows() == [
        ("2", "9", "rating", 2.0), ("1", "10", "rating", 4.5), ("1", "9", "rating", 5.0),
    ]  # fmt: skip
    assert (data.description.kind, data.description.seen.mode, data.description.columns) == ("ratings", "ever", {"year": "number"})


def test_an_old_movielens_folder_is_read_without_headers_in_either_encoding(tmp_path: Path) -> None:
    folder = write(tmp_path / "ml-1m", ratings_dat="1::10::5::100\n2::9::3::50\n", users_dat="1::F::1::10::48067\n")
    films = "9::Cité des enfants perdus, La (1995)::Drama|Fantasy\n10::Toy Story (1995)::Comedy\n"
    for encoding in ("latin-1", "utf-8"):
        (folder / "movies.dat").write_bytes(films.encode(encoding))
        data = prepared(folder)
        assert data.items.select("item_id", "title", "categories", "year").rows() == [
            ("10", "Toy Story (1995)", ["Comedy"], 1995.0),
            ("9", "Cité des enfants perdus, La (1995)", ["Drama", "Fantasy"], 1995.0),
        ]
        assert data.interactions.select("user_id", "item_id", "value").rows() == [("2", "9", 3.0), ("1", "10", 5.0)]


def test_an_old_movielens_line_without_all_fields_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "ml-1m", ratings_dat="1::10::5::100\n2::9::3\n")
    with pytest.raises(InvalidData, match=r"ratings.dat:2: .*expected 4 fields between '::' \(userId, movieId, rating, timestamp\), got 3"):
        prepared(folder)


def test_a_dat_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"events\.dat: expected MovieLens' ratings\.dat"):
        prepared(write(tmp_path / "other", events_dat="1,2,3\n"))


def test_a_quantity_makes_purchases_and_repeats_switch_seen_off(tmp_path: Path) -> None:
    rows = "user_id,item_id,timestamp,quantity\na,x,1,2\na,x,5,1\nb,y,3,10\n"
    items = "item_id,title,price,maker\nx,Lamp,2.5,Acme\ny,Shade,,\n"
    users = "user_id,age,country\na,30,DE\nc,,FR\n"
    data = prepared(write(tmp_path / "shop", interactions_csv=rows, items_csv=items, users_csv=users))
    assert data.interactions["type"].unique().to_list() == ["purchase"]
    assert data.description.seen.mode == "off"
    assert data.description.repeat_share == pytest.approx(1 / 3)
    assert data.items.select("price", "maker").rows() == [(2.5, "Acme"), (None, None)]
    assert data.users.rows() == [("a", 30.0, "DE"), ("b", None, None), ("c", None, "FR")]


def test_without_an_items_file_the_id_is_the_title(tmp_path: Path) -> None:
    data = prepared(write(tmp_path / "bare", interactions_csv="user_id,item_id,timestamp\na,x,1\na,y,2\n"))
    assert data.items.rows() == [("x", "x", [], "x"), ("y", "y", [], "y")]
    assert data.interactions["value"].null_count() == 2


def test_gz_and_parquet_give_what_csv_gives(tmp_path: Path) -> None:
    text = "user_id,item_id,timestamp,weight\na,x,1,2\nb,y,3,10\n"
    plain = prepared(write(tmp_path / "csv", interactions_csv=text))
    zipped, columnar = write(tmp_path / "gz"), write(tmp_path / "parquet")
    (zipped / "interactions.csv.gz").write_bytes(gzip.compress(text.encode()))
    moments = [datetime.fromtimestamp(second, UTC) for second in (1, 3)]
    table = pl.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": moments, "weight": [2, 10]})
    table.write_parquet(columnar / "interactions.parquet")
    assert prepared(zipped).interactions.equals(plain.interactions)
    assert prepared(columnar).interactions.equals(plain.interactions)


def test_parquet_categories_may_be_lists(tmp_path: Path) -> None:
    folder = write(tmp_path / "lists", interactions_csv="user_id,item_id,timestamp\na,x,1\n")
    pl.DataFrame({"item_id": ["x"], "title": ["X"], "categories": [["b", "a"]]}).write_parquet(folder / "items.parquet")
    assert prepared(folder).items["categories"].to_list() == [["b", "a"]]


def test_quotes_byte_order_mark_and_carriage_returns_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "odd", items_csv='item_id,title,text\nx,"a ""b"", c","two\nlines"\n')
    (folder / "interactions.csv").write_bytes(b"\xef\xbb\xbfuser_id,item_id,timestamp\r\na,x,1\r\n\r\n")
    data = prepared(folder)
    assert data.items["title"].to_list() == ['a "b", c']
    assert data.items["text"].to_list() == ['a "b", c. two lines']


def test_types_of_fixed_worth_keep_no_value_and_others_do(tmp_path: Path) -> None:
    rows = "user_id,item_id,timestamp,type,value\na,x,1,view,9\na,y,2,purchase,3\na,z,3,rating,4\na,w,4,wish,\n"
    data = prepared(write(tmp_path / "mixed", interactions_csv=rows))
    assert data.interactions["value"].to_list() == [None, 3.0, 4.0, None]
    assert data.description.kind == "events"
    assert data.rated().tolist() == [False, False, True, False]


def test_values_are_those_of_live_events() -> None:
    rows = [("rating", 4.5), ("rating", 0.5), ("purchase", None), ("purchase", 7.0), ("view", None), ("click", 3.0), ("wish", -2.0)]
    table = pl.DataFrame(rows, schema={"type": pl.String, "value": pl.Float64}, orient="row")
    assert value_of(table).tolist() == pytest.approx([interaction_value(type_, value) for type_, value in rows])
    with pytest.raises(ValueError, match="no value"):
        value_of(pl.DataFrame({"type": ["rating"], "value": [None]}, schema={"type": pl.String, "value": pl.Float64}))


@pytest.mark.parametrize("seconds", [["1", "1", "1"], ["1.25", "1.25", "1234567890.123456"]])
def test_ties_are_ordered_by_content_whatever_the_order_of_the_file(tmp_path: Path, seconds: list[str]) -> None:
    lines = [f"u{i % 3},i{i},{second}" for i, second in enumerate(seconds * 7)]
    one = prepared(write(tmp_path / "one", interactions_csv="\n".join(["user_id,item_id,timestamp", *lines])))
    other = prepared(write(tmp_path / "other", interactions_csv="\n".join(["user_id,item_id,timestamp", *lines[::-1]])))
    assert one.interactions.equals(other.interactions)
    for user, item, timestamp, tie in one.interactions.select("user_id", "item_id", "timestamp", "tie").iter_rows():
        assert tie == int.from_bytes(tie_break(user, item, timestamp)[:8], "big")


def test_ties_may_follow_the_file_where_its_order_is_known_to_be_true(tmp_path: Path) -> None:
    rows = "user_id,item_id,timestamp\na,z,5\na,x,5\na,y,5\na,w,1\n"
    data = prepared(write(tmp_path / "ordered", interactions_csv=rows, dataset_yaml="ties: file\n"))
    assert data.interactions["item_id"].to_list() == ["w", "z", "x", "y"]
    assert data.description.ties == "file"


def test_exact_copies_are_dropped_and_further_values_of_one_second_merged(tmp_path: Path) -> None:
    rows = "user_id,item_id,timestamp,quantity\na,x,1,2\na,x,1,2\na,x,1,3\n"
    result = prepare(write(tmp_path / "shop", interactions_csv=rows), tmp_path / "out")
    assert result.dataset.interactions["value"].to_list() == [5.0]
    assert any("1 exact copies" in note for note in result.notes)
    assert any("1 further values" in note for note in result.notes)
    stars = "user_id,item_id,timestamp,rating\na,x,1,2\na,x,1,3\n"
    assert prepared(write(tmp_path / "stars", interactions_csv=stars)).interactions["value"].to_list() == [3.0]


@pytest.mark.parametrize(
    ("name", "kind", "seen", "sizes"),
    [("ml-latest-small", "ratings", "ever", (610, 9742, 100_836)), ("online-retail", "events", "off", (4334, 3659, 386_250))],
)
def test_the_real_data_sets_load(tmp_path: Path, name: str, kind: str, seen: str, sizes: tuple[int, int, int]) -> None:
    if not (REAL / name).is_dir():
        pytest.skip(f"the data set {name} is not beside this repository")
    prepare(REAL / name, tmp_path / "out")
    found = load_dataset(tmp_path / "out").description
    assert (found.kind, found.seen.mode, (found.users, found.items, found.interactions)) == (kind, seen, sizes)


def test_no_prepared_data_says_which_command_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="data prepare FOLDER"):
        load_dataset(tmp_path)


def test_prepared_data_that_is_damaged_is_refused(tmp_path: Path) -> None:
    prepare(write(tmp_path / "in", interactions_csv="user_id,item_id,timestamp\na,x,1\n"), tmp_path / "out")
    (tmp_path / "out" / "items.parquet").write_bytes(b"PAR1")
    with pytest.raises(InvalidData, match="is not whole"):
        load_dataset(tmp_path / "out")
