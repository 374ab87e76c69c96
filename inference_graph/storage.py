"""Files in a folder or under s3://bucket/prefix, alike: written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pyarrow import fs


def open_filesystem(uri: str) -> tuple[fs.FileSystem, str]:
    """The filesystem of a folder or of a URI such as s3://bucket/prefix, and the path in it.

    For S3, AWS_ENDPOINT_URL names another endpoint; the keys are where AWS's own tools look for them.
    """
    if "://" not in uri:
        return fs.LocalFileSystem(), str(Path(uri).resolve())
    if not uri.startswith("s3://"):
        filesystem, path = fs.FileSystem.from_uri(uri)
        return filesystem, path.rstrip("/")
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    scheme: Literal["http", "https"] = "http" if endpoint and endpoint.startswith("http://") else "https"
    # Each attempt may take the whole timeout, in a thread that the end of the process waits for; the default is three.
    retry = fs.AwsStandardS3RetryStrategy(max_attempts=2)
    filesystem = fs.S3FileSystem(endpoint_override=endpoint, scheme=scheme, connect_timeout=3, request_timeout=10, retry_strategy=retry)
    return filesystem, uri.removeprefix("s3://").rstrip("/")


def write_file(uri: str, content: bytes) -> None:
    """Creates or replaces one file; a reader sees the old one or the new one. An S3 object is put whole anyway."""
    filesystem, path = open_filesystem(uri)
    filesystem.create_dir(path.rsplit("/", 1)[0], recursive=True)
    if not isinstance(filesystem, fs.LocalFileSystem):
        with filesystem.open_output_stream(path) as stream:
            stream.write(content)
        return
    draft = Path(path).with_name(f".{Path(path).name}-{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def read_file(uri: str) -> bytes:
    """Raises FileNotFoundError where there is none, OSError where it cannot be read."""
    filesystem, path = open_filesystem(uri)
    with filesystem.open_input_stream(path) as stream:
        return bytes(stream.read())


def file_exists(uri: str) -> bool:
    filesystem, path = open_filesystem(uri)
    return bool(filesystem.get_file_info(path).type == fs.FileType.File)


def list_files(uri: str, suffix: str) -> list[str]:
    """The URIs of all files below a folder, sorted; hidden drafts left out; none where there is no such folder."""
    filesystem, path = open_filesystem(uri)
    found = filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True, recursive=True))
    names = [info.path for info in found if info.type == fs.FileType.File and info.path.endswith(suffix)]
    root = uri.rstrip("/") if "://" in uri else path
    return sorted(root + name[len(path) :] for name in names if not name.rsplit("/", 1)[-1].startswith("."))
