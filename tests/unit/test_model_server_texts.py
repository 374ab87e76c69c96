"""What the model server reads as text: JSON with RapidJSON's complaints, and TF Serving's flags."""

from __future__ import annotations

import os

import pytest

from model_server.flags import InvalidFlag, read_flags
from model_server.json_syntax import read_json
from model_server.refusal import Refused


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "The document is empty"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b'{"a": 1', "Missing a comma or '}' after an object member. at offset: 7"),
        (b'{"a": tru}', "Invalid value. at offset: 6"),
        (b'{"a": "b', "Missing a closing quotation mark in string. at offset: 6"),
        (b'{"a": 1.}', "Miss fraction part in number. at offset: 8"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_broken_json_is_refused_with_the_place(body: bytes, says: str) -> None:
    with pytest.raises(Refused, match=says.replace(".", r"\.")):
        read_json(body)


def test_any_bytes_are_json_or_refused() -> None:
    for length in range(200):
        try:
            read_json(os.urandom(length))
        except Refused:
            continue


def test_flags_are_read_as_tf_serving_reads_them() -> None:
    flags, unknown = read_flags(["--port=1", "--model_name", "n", "--enable_model_warmup=false", "--use_alts_credentials", "x"])
    assert (flags.port, flags.model_name, flags.enable_model_warmup, unknown) == (1, "n", False, ("--use_alts_credentials", "x"))
    assert read_flags(["--enable_grpc_healthcheck_service"])[0].enable_grpc_healthcheck_service
    for wrong in (["--port=x"], ["--enable_model_warmup=maybe"], ["--port"]):
        with pytest.raises(InvalidFlag, match="expected"):
            read_flags(wrong)
