"""The threads that look for new versions and, where asked, for a new configuration file."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from inference_graph.clients.tf_serving_protocol.model_pb2 import ModelConfig
from model_server.configuration import configured_models
from model_server.flags import Flags
from model_server.models import Models
from model_server.refusal import Refused

logger = logging.getLogger(__name__)


def watch(models: Models, flags: Flags) -> None:
    """Starts what the flags ask for; the threads end with the process."""
    if flags.file_system_poll_wait_seconds > 0:
        _every(flags.file_system_poll_wait_seconds, models.refresh, "look for versions")
    if flags.model_config_file and flags.model_config_file_poll_wait_seconds > 0:
        _every(flags.model_config_file_poll_wait_seconds, ConfigurationFile(models, flags).read, "read the configuration")


class ConfigurationFile:
    """Read again and again; a broken one leaves the models as they are and is complained about once."""

    def __init__(self, models: Models, flags: Flags) -> None:
        self._models = models
        self._flags = flags
        self._taken: tuple[ModelConfig, ...] = configured_models(flags)
        self._complaint = ""

    def read(self) -> None:
        try:
            configs = configured_models(self._flags)
            if configs == self._taken:
                return
            self._models.configure(configs)
            self._taken, self._complaint = configs, ""
            logger.info("took over %s: models %s", self._flags.model_config_file, ", ".join(config.name for config in configs))
        except Refused as refusal:
            if str(refusal) != self._complaint:
                self._complaint = str(refusal)
                logger.error("kept the models as they are, %s is refused: %s", self._flags.model_config_file, refusal)


def _every(seconds: float, work: Callable[[], None], name: str) -> None:
    pause = threading.Event()

    def forever() -> None:
        while not pause.wait(seconds):
            try:
                work()
            except Exception:
                # The next look may find what this one could not; a dead thread would never look again.
                logger.exception("failed to %s", name)

    threading.Thread(target=forever, name=name, daemon=True).start()
