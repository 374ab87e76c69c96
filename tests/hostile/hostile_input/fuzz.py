"""A process that sends what schemathesis makes up from /openapi.json, and mutations of its bytes; prints what it met as JSON.

`python -m hostile_input.fuzz URL COUNT SEED [--dry]`: with --dry it makes up everything and sends nothing, so that a good
client's times before and beside it are taken on an equally busy machine.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from hostile_input.attacks import JSON
from hostile_input.sending import Sender, faults_of

MUTATIONS = 2
BATCH = 100
INTERESTING = (b"null", b"NaN", b"1e999", b"-1", b"0", b'""', b"[]", b"{}", b"\x00", b"\xff", b"9" * 40, b'"\\u0000"', b"true", b"[" * 2000)

Wire = tuple[str, str, tuple[tuple[str, str], ...], bytes]


def main() -> None:
    url, count, first_seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with urlopen(f"{url}/openapi.json", timeout=10) as reply:  # the good client's own address, given by who starts us
        document = json.load(reply)
    parts = urlsplit(url)
    sender = Sender(parts.hostname or "127.0.0.1", parts.port or 80)
    statuses, problems = Counter[str](), Counter[str]()
    for method, path, headers, body in islice(_requests(document, first_seed), count):
        if "--dry" in sys.argv:
            continue
        answer = sender.request(method, path, headers, body)
        statuses[str(answer.status)] += 1
        for fault in faults_of(answer):
            problems[f"{method} {path[:60]} {body[:200]!r}: {fault}"[:600]] += 1
    print(json.dumps({"statuses": statuses, "problems": problems.most_common(20), "faulty": problems.total()}))


def _requests(document: dict[str, Any], first_seed: int) -> Iterator[Wire]:
    """Without end: each case of schemathesis, then mutations of it."""
    operations = [result.ok() for result in schemathesis.openapi.from_dict(document).get_all_operations() if isinstance(result, Ok)]
    cases = st.one_of([operation.as_strategy(generation_mode=mode) for operation in operations for mode in GenerationMode])
    chance = random.Random(first_seed)
    for turn in range(sys.maxsize):
        for wire in _batch(cases, first_seed + turn):
            yield wire
            for _ in range(MUTATIONS):
                yield _mutated(wire, chance)


def _batch(cases: Any, number: int) -> list[Wire]:
    made: list[Wire] = []

    @seed(number)
    @settings(max_examples=BATCH, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(cases)
    def collect(case: Any) -> None:
        made.append(_wire(case))

    collect()
    return made


def _wire(case: Any) -> Wire:
    given = case.as_transport_kwargs(base_url="http://x")
    parts = urlsplit(given["url"])
    query = urlencode(given.get("params") or {}, doseq=True, errors="surrogatepass")
    named = {name: str(value) for name, value in given["headers"].items()}
    headers = tuple(
        (n, v) for n, v in named.items() if n.lower() not in ("content-length", "accept-encoding", "connection") and _sendable(v)
    )
    body = json.dumps(given["json"]).encode() if "json" in given else given.get("data") or b""
    return (
        case.method.upper(),
        parts.path + (f"?{query}" if query else ""),
        headers,
        body if isinstance(body, bytes) else str(body).encode(),
    )


def _sendable(value: str) -> bool:
    return value.isprintable() and value.isascii()


def _mutated(wire: Wire, chance: random.Random) -> Wire:
    """Another body: cut, doubled, flipped, or with something interesting put in; another path or method where there is none."""
    method, path, headers, body = wire
    if not body:
        where = chance.randrange(1, len(path) + 1)
        odd = chance.choice(("%00", "%ff", "%0a", "/", "%2F", "..", "?", "%", ":", "é", "{", "%F0%9F%92%A9"))
        return chance.choice((method, method, "PUT", "POST", "PATCH", "OPTIONS")), path[:where] + odd + path[where:], JSON, b""
    at, to = sorted((chance.randrange(len(body) + 1), chance.randrange(len(body) + 1)))
    changes = (
        body[:at],
        body[:at] + body[at:to] * 2 + body[to:],
        body[:at] + body[to:],
        body[:at] + chance.choice(INTERESTING) + body[to:],
        body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :],
    )
    return method, path, headers, chance.choice(changes)


if __name__ == "__main__":
    main()
