"""A data folder like another, without what a protocol holds out: all that a world of its own ever sees."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import polars as pl
import yaml

from rec_models.data.checks import checked_times
from rec_models.data.dataset import Seen
from rec_models.data.interactions import understand
from rec_models.data.layout import NAMES, find_files
from rec_models.data.problems import Problems
from rec_models.data.settings import FILE, read_settings
from rec_models.data.tables import Table, read_table

KEY = ("user_id", "item_id", "timestamp")


def write_without(source: Path, out: Path, held_out: pl.DataFrame, until: float | None, seen: Seen) -> None:
    """Copies the folder `source` to `out` without the events of `held_out` (user_id, item_id, timestamp), and without the tags that
    their users gave from the first of them on; with `until`, in seconds since 1970, without all later tags. Replaces `out`.

    `seen` is written down, because what is left could be understood differently.
    """
    settings = read_settings(source)
    layout = find_files(source, settings)
    draft = out.with_name(f".{out.name}-writing")
    shutil.rmtree(draft, ignore_errors=True)
    for path in layout.files():
        target = draft / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        table = read_table(path)[0]
        if path == layout.interactions:
            columns = understand(table, settings).columns
            _write(table, _events_kept(table, [columns[name] for name in KEY], held_out), target)
        elif path == layout.tags:
            _write(table, _tags_kept(table, held_out, until), target)
        else:
            shutil.copyfile(path, target)
    told = yaml.safe_load((source / FILE).read_text()) if (source / FILE).exists() else None
    mode = {"within": f"{seen.within_days:g}d"} if seen.within_days is not None else seen.mode
    (draft / FILE).write_text(yaml.safe_dump({**(told or {}), "seen": mode}))
    shutil.rmtree(out, ignore_errors=True)
    draft.rename(out)


def _events_kept(table: Table, columns: list[str], held_out: pl.DataFrame) -> pl.Series:
    user, item, time = columns
    rows = table.frame.select(user_id=user, item_id=item).with_columns(checked_times(table, time, Problems()).alias("timestamp"))
    gone = held_out.select(KEY).unique().with_columns(gone=pl.lit(True))
    return rows.join(gone, on=KEY, how="left", maintain_order="left")["gone"].is_null()


def _tags_kept(table: Table, held_out: pl.DataFrame, until: float | None) -> pl.Series:
    """All, where the tags do not say by whom and when."""
    found = {meaning: next((name for name in NAMES[meaning] if name in table.frame.columns), None) for meaning in ("user_id", "timestamp")}
    user, time = found["user_id"], found["timestamp"]
    if user is None or time is None:
        return pl.repeat(True, len(table.frame), eager=True)
    cuts = held_out.group_by("user_id").agg(cut=pl.col("timestamp").min())
    rows = table.frame.select(user_id=user).with_columns(checked_times(table, time, Problems()).alias("timestamp"))
    cut = pl.min_horizontal(pl.col("cut"), pl.lit(until, pl.Float64))
    return rows.join(cuts, on="user_id", how="left", maintain_order="left").select((pl.col("timestamp") < cut).fill_null(True))["timestamp"]


def _write(table: Table, kept: pl.Series, path: Path) -> None:
    frame = table.frame.filter(kept)
    if path.name.endswith(".parquet"):
        frame.write_parquet(path)
        return
    content = frame.select(pl.all().replace("", None)).write_csv().encode()
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
