"""TF Serving's flags, read as it reads them: `--name=value`, `--name value`, a bare `--name` for true."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, fields

_EXAMPLE = "example: model-server --rest_api_port=8501 --model_name=ranking --model_base_path=models/ranking"


class InvalidFlag(ValueError):
    """A known flag with a value that it cannot have."""


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Flags:
    """Names and defaults are TF Serving's; `host` and `help` are ours."""

    # TF Serving listens on every interface; this server is for one machine, and nobody asked for models on a café's network.
    host: str = field(default="127.0.0.1", metadata={"help": "address to listen on; 0.0.0.0 is what TF Serving does (ours alone)"})
    port: int = field(default=8500, metadata={"help": "port of the gRPC API; 0 turns it off"})
    rest_api_port: int = field(default=0, metadata={"help": "port of the REST API; 0 turns it off"})
    rest_api_num_threads: int = field(default=0, metadata={"help": "threads of the REST API; 0: four a core"})
    rest_api_timeout_in_ms: int = field(default=30000, metadata={"help": "time for a REST predict; 0: no end"})
    grpc_max_threads: int = field(default=0, metadata={"help": "gRPC calls at once, as many more may wait; 0: four a core"})
    grpc_channel_arguments: str = field(default="", metadata={"help": "name=value,... for the gRPC server"})
    model_name: str = field(default="default", metadata={"help": "name of the one model"})
    model_base_path: str = field(default="", metadata={"help": "its folder, which holds version folders named by numbers"})
    model_config_file: str = field(default="", metadata={"help": "a ModelServerConfig as text, for several models"})
    model_config_file_poll_wait_seconds: float = field(default=0, metadata={"help": "how often it is read again; 0: never"})
    file_system_poll_wait_seconds: float = field(default=1, metadata={"help": "how often versions are looked for; 0: once, at the start"})
    max_num_load_retries: int = field(default=5, metadata={"help": "how often a version that failed to load is tried again"})
    load_retry_interval_micros: int = field(default=60_000_000, metadata={"help": "time between these"})
    enable_model_warmup: bool = field(default=True, metadata={"help": "replay assets.extra/tf_serving_warmup_requests of a new version"})
    num_request_iterations_for_warmup: int = field(default=1, metadata={"help": "how often each of its requests is run"})
    enable_batching: bool = field(default=False, metadata={"help": "put calls that wait for the same model into one run"})
    batching_parameters_file: str = field(default="", metadata={"help": "BatchingParameters as text, instead of TF Serving's defaults"})
    enable_per_model_batching_parameters: bool = field(
        default=False, metadata={"help": "batch only models with a batching_params.pbtxt in their version, as that says"}
    )
    enable_grpc_healthcheck_service: bool = field(default=False, metadata={"help": "offer grpc.health.v1.Health"})
    enable_serialization_as_tensor_content: bool = field(default=False, metadata={"help": "reply with raw tensor_content"})
    allow_version_labels_for_unavailable_models: bool = field(default=False, metadata={"help": "new labels may name versions not loaded"})
    tensorflow_session_parallelism: int = field(default=0, metadata={"help": "threads in and between operations; 0: TensorFlow decides"})
    tensorflow_intra_op_parallelism: int = field(default=0, metadata={"help": "threads in an operation; 0: TensorFlow decides"})
    tensorflow_inter_op_parallelism: int = field(default=0, metadata={"help": "operations at once; 0: TensorFlow decides"})
    saved_model_tags: str = field(default="serve", metadata={"help": "tags of the graph in the SavedModel, comma between"})
    monitoring_config_file: str = field(default="", metadata={"help": "a MonitoringConfig as text; turns the Prometheus route on"})

    @property
    def grpc_threads(self) -> int:
        return self.grpc_max_threads or 4 * _cores()

    @property
    def rest_timeout(self) -> float | None:
        """In seconds."""
        return self.rest_api_timeout_in_ms / 1000 if self.rest_api_timeout_in_ms > 0 else None

    @property
    def rest_threads(self) -> int:
        return self.rest_api_num_threads or 4 * _cores()


def read_flags(arguments: Iterable[str]) -> tuple[Flags, tuple[str, ...]]:
    """The flags, and the arguments that are none of them, which TF Serving prints and ignores; raises InvalidFlag."""
    known = {flag.name: str(flag.type) for flag in fields(Flags)}
    values: dict[str, object] = {}
    unknown: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        name, has_value, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or name not in known:
            unknown.append(argument)
            continue
        if not has_value and known[name] == "bool":
            value = "true"
        elif not has_value:
            if not waiting:
                raise InvalidFlag(f"--{name}: expected a value, nothing follows")
            value = waiting.pop(0)
        values[name] = _value(name, known[name], value)
    return Flags(**values), tuple(unknown)  # type: ignore[arg-type]


def _value(name: str, kind: str, text: str) -> object:
    if kind == "str":
        return text
    if kind == "bool":
        if text.lower() not in ("true", "false", "1", "0"):
            raise InvalidFlag(f"--{name}: expected true or false, got {text!r}")
        return text.lower() in ("true", "1")
    try:
        return int(text) if kind == "int" else float(text)
    except ValueError:
        raise InvalidFlag(f"--{name}: expected a number, got {text!r}") from None


def usage() -> str:
    lines = ["usage: model-server --model_base_path=FOLDER [flags]", ""]
    for flag in fields(Flags):
        lines.append(f"  --{flag.name}={flag.default}\t{flag.metadata['help']}")
    return "\n".join([*lines, "", _EXAMPLE])
