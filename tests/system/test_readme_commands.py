"""The commands of the README and of docs/graph.md, as a reader would paste them, against the running system."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEPS_OF_MAKE = ("make ",)  # the system of these tests was started by the command behind `make run`


def commands() -> list[str]:
    found = []
    for document in (ROOT / "README.md", ROOT / "docs" / "graph.md"):
        for block in re.findall(r"```sh\n(.*?)```", document.read_text(), re.DOTALL):
            lines = re.sub(r"\\\n\s*", "", block).splitlines()
            found += [line.split("   #")[0].strip() for line in lines if line.strip()]
    return [command for command in dict.fromkeys(found) if not command.startswith(STEPS_OF_MAKE)]


@pytest.mark.parametrize("command", commands())
def test_a_documented_command_works(system, command):
    local = command.replace("http://127.0.0.1:8080", str(system.client.base_url).rstrip("/"))
    local = local.replace("path/to/folder", str(system.data)).replace(".run/", f"{system.home}/")
    environment = {**system.environment(), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(local, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-1000:]
    if command.startswith("curl"):
        assert '"error"' not in done.stdout, done.stdout
    if "block " in command:
        subprocess.run(["inference-graph", "unblock", command.split()[-1]], env=environment, check=True, capture_output=True)
