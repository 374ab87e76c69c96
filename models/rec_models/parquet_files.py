"""Polars frames as parquet files, locally or on S3, written whole or not at all."""

from __future__ import annotations

import io

import polars as pl

from inference_graph.storage import read_file, write_file


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def write_frame(frame: pl.DataFrame, uri: str) -> None:
    write_file(uri, parquet(frame))


def read_frame(uri: str) -> pl.DataFrame:
    """Raises FileNotFoundError where there is none."""
    return pl.read_parquet(io.BytesIO(read_file(uri)))
