"""Stands in for the commands of an installation, so that `up` can be watched without models: what it is called as says what it does."""

import json
import os
import shutil
import socket
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

CALLED, ARGUMENTS = Path(sys.argv[0]).name, sys.argv[1:]
HOME = Path(os.environ["INFERENCE_GRAPH_HOME"])


def step():
    with (HOME / "steps.log").open("a") as log:
        log.write(" ".join(ARGUMENTS[:2]) + "\n")
    if ARGUMENTS[:1] == [os.environ.get("FAILING_STEP")]:
        sys.exit(f"error: {ARGUMENTS[0]} went wrong")
    print(f"fake {ARGUMENTS[0]}", flush=True)
    workspace = next((HOME / "workspaces").glob("*"), HOME / "workspaces" / Path(os.environ["FAKE_WORKSPACE"]).name)
    if ARGUMENTS[:2] == ["data", "prepare"]:
        shutil.copytree(os.environ["FAKE_DATA"], workspace / "data", dirs_exist_ok=True)
    elif ARGUMENTS[0] == "train":
        for name in ("retrieval", "ranking"):
            (workspace / "models" / name).mkdir(parents=True, exist_ok=True)
    elif ARGUMENTS[0] == "index":
        host, port = os.environ["REDIS_URL"].removeprefix("redis://").split(":")
        with socket.create_connection((host, int(port))) as redis:
            redis.sendall(f"SET {{{workspace.name}}}:items x\r\n".encode())
            assert redis.recv(16) == b"+OK\r\n"


def serve(port, body):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

    print("serving", flush=True)
    HTTPServer(("127.0.0.1", port), Answer).serve_forever()


if CALLED == "inference-graph":
    step()
elif CALLED == "model-server":
    flags = dict(argument.lstrip("-").split("=", 1) for argument in ARGUMENTS)
    serve(int(flags["rest_api_port"]), {"model_version_status": [{"version": "1", "state": "AVAILABLE"}]})
else:
    serve(int(os.environ["PORT"]), {"name": "recommender", "ready": True})
