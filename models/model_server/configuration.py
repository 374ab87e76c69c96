"""Which models are served, from the flags or from a ModelServerConfig in protobuf's text format."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from inference_graph.clients.tf_serving_protocol.model_pb2 import ModelConfig, ModelConfigList, ModelServerConfig, MonitoringConfig
from model_server.flags import Flags
from model_server.refusal import invalid

PLATFORM = "tensorflow"
_DEFAULT_METRICS_PATH = "/monitoring/prometheus/metrics"
Configuration = TypeVar("Configuration", bound=Message)


def configured_models(flags: Flags) -> tuple[ModelConfig, ...]:
    """Raises Refused where no model is named or the file does not say what it must."""
    if flags.model_config_file:
        return checked(read_text(flags.model_config_file, ModelServerConfig()).model_config_list)
    if not flags.model_base_path:
        raise invalid("no model to serve: expected --model_base_path=FOLDER or --model_config_file=FILE, got neither")
    path = str(Path(flags.model_base_path).absolute())
    return (ModelConfig(name=flags.model_name, base_path=path, model_platform=PLATFORM),)


def checked(models: ModelConfigList) -> tuple[ModelConfig, ...]:
    seen: set[str] = set()
    for model in models.config:
        if model.name in seen:
            raise invalid(f"Illegal to list model {model.name} multiple times in config list")
        if not model.model_platform:
            raise invalid(
                "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform, "
                f"model name is {model.name}"
            )
        if model.model_platform != PLATFORM:
            raise invalid(f"Model {model.name} requests unsupported platform {model.model_platform}")
        if not Path(model.base_path).is_absolute():
            raise invalid(f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}")
        seen.add(model.name)
    return tuple(models.config)


def read_text(path: str, into: Configuration) -> Configuration:
    try:
        return text_format.Parse(Path(path).read_text(), into, allow_unknown_field=True)
    except OSError as error:
        raise invalid(f"cannot read {path}: {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise invalid(f"{path} is not a {into.DESCRIPTOR.name} in protobuf's text format: {error}") from error


def metrics_path(flags: Flags) -> str | None:
    """Where Prometheus finds the metrics; None: nowhere."""
    if not flags.monitoring_config_file:
        return None
    prometheus = read_text(flags.monitoring_config_file, MonitoringConfig()).prometheus_config
    return (prometheus.path or _DEFAULT_METRICS_PATH) if prometheus.enable else None
