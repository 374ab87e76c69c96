"""The `model-server` command: TF Serving's flags in, its ports open once every model serves, gone at once on SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from model_server.answering import Answering
from model_server.batching_parameters import configured_batching
from model_server.configuration import configured_models, metrics_path
from model_server.flags import Flags, InvalidFlag, read_flags, usage
from model_server.grpc_service import open_grpc
from model_server.loading import loader
from model_server.metrics import Metrics
from model_server.models import Models
from model_server.refusal import Refused
from model_server.rest import Rest
from model_server.rest_server import open_rest
from model_server.tensorflow_library import tensorflow
from model_server.versions import Loading
from model_server.watcher import watch

logger = logging.getLogger("model_server")

# TF Serving's exit code where it does not come up.
_FAILED = 255
_GRACE_SECONDS = 2.0


def main() -> None:
    arguments = sys.argv[1:]
    if "--help" in arguments or "-h" in arguments:
        print(usage())
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(message)s", stream=sys.stderr)
    try:
        flags, unknown = read_flags(arguments)
    except InvalidFlag as error:
        sys.exit(f"error: {error}")
    for argument in unknown:
        logger.warning("unknown flag, ignored: %s", argument)
    # Imports and loads hold the interpreter for seconds; off the main thread they do not keep a signal waiting.
    stop = _Stop()
    threading.Thread(target=_serve, args=(flags, stop), name="start", daemon=True).start()
    stop.asked.wait()
    for close in stop.closing:
        close()
    sys.stdout.flush()
    sys.stderr.flush()
    # TensorFlow's threads and sessions end with the process; unwinding them takes a second that nobody needs.
    os._exit(stop.code)


class _Stop:
    """Set by a signal or by a failed start; `closing` is what must be closed first."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.code = 0
        self.closing: list[Callable[[], object]] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)

    def failed(self, text: str) -> None:
        logger.error("%s", text)
        self.code = _FAILED
        self.asked.set()

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.asked.set()


def _serve(flags: Flags, stop: _Stop) -> None:
    try:
        _start(flags, stop)
    except Refused as refusal:
        stop.failed(f"error: {refusal}")
    except OSError as error:
        stop.failed(f"error: {error}")
    except Exception:
        logger.exception("failed to start")
        stop.failed("error: the server did not start, see above")


def _start(flags: Flags, stop: _Stop) -> None:
    configs, page, metrics = configured_models(flags), metrics_path(flags), Metrics()
    load = loader(flags, configured_batching(flags), metrics)
    tensorflow()
    loading = Loading(load, flags.max_num_load_retries, flags.load_retry_interval_micros / 1e6)
    models = Models(loading, flags.allow_version_labels_for_unavailable_models)
    models.configure(configs)
    while models.waiting():
        # As TF Serving: a model without a version yet is waited for, with the ports closed.
        time.sleep(max(0.1, flags.file_system_poll_wait_seconds))
        models.configure(configs)
    answering = Answering(models, metrics)
    if flags.port:
        server = open_grpc(answering, flags)
        stop.closing.append(lambda: server.stop(_GRACE_SECONDS).wait())
    if flags.rest_api_port:
        open_rest(Rest(answering, flags.rest_timeout, page), flags)
    watch(models, flags)
    names = ", ".join(config.name for config in configs)
    logger.info("ready: models %s on %s, gRPC port %d, REST port %d (0: off)", names, flags.host, flags.port, flags.rest_api_port)


if __name__ == "__main__":
    main()
