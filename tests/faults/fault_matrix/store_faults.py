"""Faults of what is read rarely: the snapshot store and Feast's registry."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

from fault_matrix.bed import Bed, until
from fault_matrix.proxy import HOST, Mode, Proxy
from fault_matrix.scene import Scene
from fault_matrix.traffic import Answer
from inference_graph.snapshots import POINTER

BUCKET = "snapshots"
SPOILT = "spoilt"


@asynccontextmanager
async def store_unreachable(bed: Bed) -> AsyncIterator[Scene]:
    """An S3 store that swallows every request; the snapshot in use stays."""
    async with (
        _stored_remotely(bed) as (proxy, environment),
        bed.transformer(through_proxies=False, environment=environment) as transformer,
    ):
        await transformer.ready()

        async def begin() -> None:
            await proxy.set(Mode.BLACKHOLE)

        async def end() -> None:
            await proxy.set(Mode.PASS)

        yield Scene(transformer.url, begin, end, _one_snapshot)


@asynccontextmanager
async def store_unreachable_at_the_start(bed: Bed) -> AsyncIterator[Scene]:
    """The same, for a process that starts: it serves the snapshot that it copied to its disk when it ran before."""
    async with _stored_remotely(bed) as (proxy, environment):
        async with bed.transformer(through_proxies=False, environment=environment) as before:
            await before.ready()
        await proxy.set(Mode.BLACKHOLE)

        async def end() -> None:
            await proxy.set(Mode.PASS)

        async with bed.transformer(through_proxies=False, environment=environment) as transformer:
            await transformer.ready()
            yield Scene(transformer.url, end=end, check=_one_snapshot, faulty=True)


@asynccontextmanager
async def truncated_snapshot(bed: Bed) -> AsyncIterator[Scene]:
    """A snapshot with half a file is published; it is refused, once, and the one in use stays."""
    folder = bed.folder / "truncated"
    shutil.copytree(bed.workspace.snapshots, folder)
    whole = (folder / POINTER).read_text()
    async with bed.transformer(through_proxies=False, environment={"SNAPSHOT_STORE": str(folder)}) as transformer:
        await transformer.ready()

        async def begin() -> None:
            _publish_half(folder, whole)

        async def end() -> None:
            _point(folder, whole)

        async def check(answers: Sequence[Answer]) -> list[str]:
            refusals = transformer.log.read_text().count(f"snapshot {SPOILT} is refused")
            said = [] if refusals == 1 else [f"the log says {refusals} times that the truncated snapshot is refused, expected once"]
            return [*said, *await _one_snapshot(answers)]

        try:
            yield Scene(transformer.url, begin, end, check)
        finally:
            shutil.rmtree(folder)


@asynccontextmanager
async def registry_gone(bed: Bed) -> AsyncIterator[Scene]:
    """Feast's registry is deleted under a running transformer, which has read it."""
    registry = _registry_copy(bed)
    async with bed.transformer(through_proxies=False, environment={"FEATURE_REGISTRY": str(registry)}) as transformer:
        await transformer.ready()

        async def begin() -> None:
            registry.unlink()

        async def end() -> None:
            shutil.copy(bed.workspace.registry, registry)

        yield Scene(transformer.url, begin, end)


@asynccontextmanager
async def registry_gone_at_the_start(bed: Bed) -> AsyncIterator[Scene]:
    registry = _registry_copy(bed)
    registry.unlink()

    async def end() -> None:
        _place(Path(bed.workspace.registry), registry)

    async with bed.transformer(through_proxies=False, environment={"FEATURE_REGISTRY": str(registry)}) as transformer:
        await transformer.ready()
        await until(lambda: "Feast's store cannot be opened" in transformer.log.read_text(), "the line about Feast")
        yield Scene(transformer.url, end=end, faulty=True)


@asynccontextmanager
async def _stored_remotely(bed: Bed) -> AsyncIterator[tuple[Proxy, dict[str, str]]]:
    """A store in S3 behind a proxy, with the workspace's snapshot in it, and the environment that leads there."""
    cache = bed.folder / "snapshot-cache"
    with _s3_server() as port:
        _upload(Path(bed.workspace.snapshots), port)
        proxy = Proxy(port)
        await proxy.start()
        keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
        places = {"SNAPSHOT_STORE": f"s3://{BUCKET}", "SNAPSHOT_CACHE": str(cache), "AWS_ENDPOINT_URL": f"http://{HOST}:{proxy.port}"}
        try:
            yield proxy, {**keys, **places}
        finally:
            await proxy.stop()
            shutil.rmtree(cache, ignore_errors=True)


@contextmanager
def _s3_server() -> Iterator[int]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # which would say each request
    server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)
    server.start()
    try:
        yield int(server.get_host_and_port()[1])
    finally:
        server.stop()


def _upload(folder: Path, port: int) -> None:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://{HOST}:{port}", **keys)
    client.create_bucket(Bucket=BUCKET)
    name = (folder / POINTER).read_text().strip()
    for path in sorted((folder / name).iterdir()):
        client.put_object(Bucket=BUCKET, Key=f"{name}/{path.name}", Body=path.read_bytes())
    client.put_object(Bucket=BUCKET, Key=POINTER, Body=name.encode())


async def _one_snapshot(answers: Sequence[Answer]) -> list[str]:
    names = {answer.prediction["versions"]["snapshot"] for answer in answers if answer.status == 200}
    return [] if len(names) == 1 else [f"answers from the snapshots {sorted(names)}, expected one"]


def _publish_half(folder: Path, whole: str) -> None:
    shutil.copytree(folder / whole.strip(), folder / SPOILT)
    file = folder / SPOILT / "features.npy"
    os.truncate(file, file.stat().st_size // 2)
    _point(folder, SPOILT)


def _point(folder: Path, name: str) -> None:
    draft = folder / ".pointer"
    draft.write_text(name)
    draft.replace(folder / POINTER)


def _registry_copy(bed: Bed) -> Path:
    copy = bed.folder / "registry.db"
    _place(Path(bed.workspace.registry), copy)
    return copy


def _place(source: Path, target: Path) -> None:
    draft = target.with_suffix(".writing")
    shutil.copy(source, draft)
    draft.replace(target)
