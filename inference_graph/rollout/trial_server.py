"""Our model server on a candidate, here: does it load, warm up, and answer?"""

from __future__ import annotations

import http.client
import json
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference_graph.errors import DependencyBadResponse, DependencyTimeout, DependencyUnavailable
from inference_graph.local.ports import HOST, free_ports
from inference_graph.local.process import last_lines, script, spawn, stop
from inference_graph.local.readiness import model_answers

NAME = "candidate"
PREDICT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class TrialServer:
    port: int

    def metadata(self) -> Mapping[str, Any]:
        return self._ask("GET", f"/v1/models/{NAME}/metadata", None)

    def predict(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises DependencyBadResponse with the server's own words."""
        return self._ask("POST", f"/v1/models/{NAME}:predict", {"inputs": inputs})

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Mapping[str, Any]:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PREDICT_SECONDS)
        try:
            connection.request(method, path, body=None if body is None else json.dumps(body))
            response = connection.getresponse()
            answer = dict(json.loads(response.read()))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DependencyUnavailable(f"the candidate's server did not answer {path} ({error!r})") from error
        finally:
            connection.close()
        if response.status != 200:
            raise DependencyBadResponse(str(answer.get("error", answer)))
        return answer


@contextmanager
def trial_server(folder: Path, seconds: float) -> Iterator[TrialServer]:
    """Ends with the block. It is AVAILABLE only after its warm-up requests. Raises DependencyError with the end of its log."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "log"
        flags = (f"--rest_api_port={port}", "--port=0", f"--model_name={NAME}", f"--model_base_path={folder.resolve()}")
        process = spawn((script("model-server"), *flags, "--max_num_load_retries=0", "--file_system_poll_wait_seconds=0"), {}, log)
        until = time.monotonic() + seconds
        try:
            while not model_answers(port, NAME):
                if process.poll() is not None:
                    raise DependencyBadResponse(f"it does not load: {last_lines(log, 2)}")
                if time.monotonic() > until:
                    raise DependencyTimeout(f"it was not available within {seconds:.0f} s: {last_lines(log, 2)}")
                time.sleep(0.1)
            yield TrialServer(port)
        finally:
            stop([process], 5.0, lambda: False, signal.SIGTERM)
