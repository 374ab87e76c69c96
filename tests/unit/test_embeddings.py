"""Item vectors: local ones, and those of an OpenAI-compatible endpoint, against a local fake of that API."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from inference_graph.errors import DependencyBadResponse, DependencyUnavailable, InvalidConfiguration
from rec_models.embeddings import BATCH, Endpoint, cost, embed
from rec_models.vectors import local_vectors


def items(rows: list[tuple[str, list[str], float | None]]) -> pl.DataFrame:
    texts, categories, years = zip(*rows, strict=True)
    schema = {"text": pl.String, "categories": pl.List(pl.String), "year": pl.Float64}
    return pl.DataFrame({"text": texts, "categories": categories, "year": years}, schema=schema)


FILMS = items(
    [
        ("star ship battle", ["Sci-Fi"], 1977.0),
        ("star ship returns", ["Sci-Fi"], 1983.0),
        ("quiet garden", ["Drama"], 1978.0),
        ("garden of tears", ["Drama", "Romance"], 2015.0),
        ("quiet tears", ["Drama", "Romance"], 2016.0),
        ("ship of robots", ["Sci-Fi"], None),
        ("", [], None),
    ]
)


def test_local_vectors_put_like_things_together_and_are_the_same_every_time() -> None:
    vectors = local_vectors(FILMS, {"year": "number"}, 8)
    assert vectors.shape == (7, 8)
    np.testing.assert_allclose(np.linalg.norm(vectors[:6], axis=1), 1.0, atol=1e-5)
    assert (vectors[6] == 0).all()
    similarity = vectors @ vectors.T
    assert similarity[0, 1] > similarity[0, 2] + 0.1
    assert similarity[4, 3] > similarity[4, 2] > similarity[4, 0] + 0.1
    np.testing.assert_array_equal(vectors, local_vectors(FILMS, {"year": "number"}, 8))


def test_near_years_bring_items_together_and_other_numbers_do_not() -> None:
    years = [1950.0 + n for n in range(60)]
    films = items([("", ["Drama"], year) for year in years])
    similarity = local_vectors(films, {"year": "number"}, 16) @ local_vectors(films, {"year": "number"}, 16).T
    assert similarity[30, 32] > similarity[30, 45] + 0.1
    priced = films.with_columns(year=pl.col("year") + 0.25)
    alike = local_vectors(priced, {"year": "number"}, 16)
    np.testing.assert_allclose(alike @ alike[0], 1.0, atol=1e-4)


def test_items_that_say_nothing_have_no_vector() -> None:
    silent = items([("", [], None), ("", [], None)])
    assert (local_vectors(silent, {"year": "number"}) == 0).all()
    assert local_vectors(silent.head(0), {}).shape == (0, 64)


class FakeApi:
    """`/v1/embeddings` with vectors that depend on the text; `failures` are statuses to answer first."""

    def __init__(self) -> None:
        self.failures: list[int] = []
        self.asked: list[list[str]] = []
        self.keys: set[str] = set()
        self.drop = 0
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                api.keys.add(self.headers["Authorization"])
                status = api.failures.pop(0) if api.failures else 200
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("retry-after-ms", "5")
                self.end_headers()
                self.wfile.write(json.dumps(api.answer(request) if status == 200 else {"error": {"message": "no"}}).encode())

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: dict[str, object]) -> dict[str, object]:
        texts = request["input"]
        assert isinstance(texts, list)
        self.asked.append(texts)
        entries = []
        for i, text in enumerate(texts[self.drop :]):
            vector = vector_of(text)
            packed = base64.b64encode(vector.tobytes()).decode() if request.get("encoding_format") == "base64" else vector.tolist()
            entries.append({"object": "embedding", "index": i, "embedding": packed})
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return {"object": "list", "data": entries[::-1], "model": request["model"], "usage": usage}

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(f"http://127.0.0.1:{self.server.server_address[1]}/v1", "small", "secret", 0.02)


def vector_of(text: str) -> np.ndarray:  # type: ignore[type-arg]
    return np.frombuffer(hashlib.sha256(text.encode()).digest()[:8], np.uint8).astype(np.float32)


@pytest.fixture
def api() -> Iterator[FakeApi]:
    api = FakeApi()
    yield api
    api.server.shutdown()
    api.server.server_close()


def test_texts_are_embedded_in_batches_and_come_back_in_order(api: FakeApi, tmp_path: Path) -> None:
    texts = [f"text {n}" for n in range(BATCH + 5)] + ["", "text 3"]
    seen: list[tuple[int, int]] = []
    said: list[str] = []
    vectors = embed(texts, api.endpoint, tmp_path / "c", lambda words: not said.append(words), lambda *p: seen.append(p))  # type: ignore[func-returns-value]
    np.testing.assert_array_equal(vectors[:-2], [vector_of(text) for text in texts[:-2]])
    assert (vectors[-2] == 0).all()
    np.testing.assert_array_equal(vectors[-1], vectors[3])
    assert [len(asked) for asked in api.asked] == [BATCH, 5]
    assert api.keys == {"Bearer secret"}
    assert seen == [(BATCH, BATCH + 5), (BATCH + 5, BATCH + 5)]
    assert len(said) == 1


def test_what_came_once_is_never_asked_again(api: FakeApi, tmp_path: Path) -> None:
    embed(["a", "b"], api.endpoint, tmp_path / "c", lambda _: True)
    embed(["b", "c", "a"], api.endpoint, tmp_path / "c", lambda _: True)
    assert api.asked == [["a", "b"], ["c"]]
    embed(["a", "b", "c"], api.endpoint, tmp_path / "c", lambda _: pytest.fail("nothing to agree to"))


def test_a_failing_endpoint_is_retried_and_a_later_run_goes_on(api: FakeApi, tmp_path: Path) -> None:
    api.failures = [429, 500]
    assert embed(["a"], api.endpoint, tmp_path / "c", lambda _: True).shape == (1, 8)
    texts = [f"text {n}" for n in range(2 * BATCH)]
    api.asked.clear()
    api.failures = [200, 401]
    with pytest.raises(DependencyBadResponse, match="what came is kept"):
        embed(texts, api.endpoint, tmp_path / "c", lambda _: True)
    embed(texts, api.endpoint, tmp_path / "c", lambda _: True)
    assert [asked[0] for asked in api.asked] == ["text 0", f"text {BATCH}"]


def test_another_model_has_its_own_vectors(api: FakeApi, tmp_path: Path) -> None:
    embed(["a"], api.endpoint, tmp_path / "c", lambda _: True)
    embed(["a"], Endpoint(api.endpoint.url, "large", "secret"), tmp_path / "c", lambda _: True)
    assert len(api.asked) == 2


def test_nothing_is_sent_without_agreement(api: FakeApi, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="--yes"):
        embed(["a"], api.endpoint, tmp_path / "c", lambda _: False)
    assert api.asked == []


def test_fewer_vectors_than_texts_is_a_bad_response(api: FakeApi, tmp_path: Path) -> None:
    api.drop = 1
    with pytest.raises(DependencyBadResponse, match="2 texts gave 1 vectors"):
        embed(["a", "b"], api.endpoint, tmp_path / "c", lambda _: True)


def test_a_dead_endpoint_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rec_models.embeddings.RETRIES", 0)
    with pytest.raises(DependencyUnavailable):
        embed(["a"], Endpoint("http://127.0.0.1:1/v1", "m", "k"), tmp_path / "c", lambda _: True)


def test_the_cost_is_said_in_tokens_and_in_dollars_where_the_price_is_known() -> None:
    texts = ["x" * 4_000] * 1_000
    assert cost(texts, Endpoint("http://e", "m", "k", 0.02)) == "1000 texts, about 1001000 tokens, by m at http://e (about $0.0200)"
    assert "EMBEDDINGS_PRICE" in cost(texts, Endpoint("http://e", "m", "k"))


def test_the_environment_names_the_endpoint() -> None:
    assert Endpoint.from_environment({}) is None
    found = Endpoint.from_environment({"EMBEDDINGS_URL": "u", "EMBEDDINGS_MODEL": "m", "OPENAI_API_KEY": "k", "EMBEDDINGS_PRICE": "0.1"})
    assert found == Endpoint("u", "m", "k", 0.1)
    with pytest.raises(InvalidConfiguration, match="EMBEDDINGS_MODEL"):
        Endpoint.from_environment({"EMBEDDINGS_URL": "u"})
    with pytest.raises(InvalidConfiguration, match="EMBEDDINGS_PRICE"):
        Endpoint.from_environment({"EMBEDDINGS_URL": "u", "EMBEDDINGS_MODEL": "m", "EMBEDDINGS_PRICE": "cheap"})
