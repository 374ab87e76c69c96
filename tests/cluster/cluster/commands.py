"""kubectl and helm, as everybody uses them: the cluster is the one that KUBECONFIG names."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import yaml

Object = dict[str, Any]


class CommandFailed(AssertionError):
    """Names the command and holds what it said."""


def run(*words: str, given: str = "", seconds: float = 120) -> str:
    done = subprocess.run(words, input=given, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        raise CommandFailed(f"{' '.join(words)}: {done.stderr}{done.stdout}")
    return done.stdout


def kubectl(namespace: str, *words: str, given: str = "", seconds: float = 120) -> str:
    return run("kubectl", "--namespace", namespace, *words, given=given, seconds=seconds)


def apply(namespace: str, *objects: Object) -> None:
    kubectl(namespace, "apply", "--server-side", "--filename", "-", given=yaml.safe_dump_all(objects))


def found(namespace: str, kind: str, *selection: str) -> list[Object]:
    """Every object of a kind, or of several with commas between them."""
    items: list[Object] = json.loads(kubectl(namespace, "get", kind, *selection, "--output", "json"))["items"]
    return items


def get(namespace: str, kind: str, name: str) -> Object:
    one: Object = json.loads(kubectl(namespace, "get", kind, name, "--output", "json"))
    return one


def raw(path: str) -> str:
    """What the API server, or a pod or Service behind it, answers."""
    return run("kubectl", "get", "--raw", path)


def wait_for(condition: Callable[[], bool], what: str, seconds: float) -> float:
    """Seconds until it was so. An error of a command is one more reason to go on waiting, and the last one is told."""
    began, error = time.monotonic(), ""
    while True:
        try:
            if condition():
                return time.monotonic() - began
        except CommandFailed as failed:
            error = str(failed)
        assert time.monotonic() - began < seconds, f"not within {seconds:.0f} s: {what}. {error}"
        time.sleep(1)
