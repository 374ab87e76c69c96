"""All models of the server: choosing a version for a request, looking for new ones, taking over a new configuration."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from inference_graph.clients.tf_serving_protocol.model_pb2 import Code, ModelConfig
from inference_graph.clients.tf_serving_protocol.predict_pb2 import ModelSpec
from model_server.refusal import Refused, invalid
from model_server.saved_model import Model
from model_server.versions import Loading, ModelVersions, Version


class Models:
    """`use` and `versions` from any thread; `refresh` and `configure` take turns."""

    def __init__(self, loading: Loading, labels_before_versions: bool = False) -> None:
        self._loading = loading
        self._labels_before_versions = labels_before_versions
        self._turn = threading.Lock()
        self._models: dict[str, ModelVersions] = {}
        self._labels: dict[str, dict[str, int]] = {}

    @contextmanager
    def use(self, spec: ModelSpec) -> Iterator[tuple[Model, int]]:
        """The model and the number of the version that a request asks for; raises Refused with TF Serving's text."""
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        number = self._number(spec)
        asked = f"Latest({spec.name})" if number is None else f"Specific({spec.name}, {number})"
        model = self._models.get(spec.name)
        if model is None:
            raise Refused(Code.NOT_FOUND, f"Servable not found for request: {asked}")
        with model.use(number) as found:
            if found is None:
                raise Refused(Code.NOT_FOUND, f"Servable not found for request: {asked}")
            yield found

    def versions(self, spec: ModelSpec) -> list[Version]:
        """A label chooses nothing here: TF Serving's status by label lists every version."""
        model = self._models.get(spec.name)
        versions = [] if model is None else model.all()
        if spec.HasField("version"):
            versions = [version for version in versions if version.number == spec.version.value]
            if not versions:
                raise Refused(Code.NOT_FOUND, f"Could not find version {spec.version.value} of model {spec.name}")
        if not versions:
            raise Refused(Code.NOT_FOUND, f"Could not find any versions of model {spec.name}")
        return versions

    def configure(self, configs: Sequence[ModelConfig]) -> None:
        """Serves exactly these models; raises Refused where a new one does not load or a label names nothing."""
        with self._turn:
            self._check_labels(configs)
            old, new = self._models, {config.name: self._with(config) for config in configs}
            for model in new.values():
                model.refresh()
            self._models = new
            self._labels = {config.name: dict(config.version_labels) for config in configs}
            for name in old.keys() - new.keys():
                old[name].unload()
        self._check_all_serve()

    def refresh(self) -> None:
        """Looks for new versions of every model and takes them up."""
        with self._turn:
            for model in self._models.values():
                model.refresh()

    def waiting(self) -> list[str]:
        """Names of the models of which no version serves."""
        return sorted(name for name, model in self._models.items() if not model.serving())

    def _number(self, spec: ModelSpec) -> int | None:
        match spec.WhichOneof("version_choice"):
            case "version":
                return spec.version.value
            case "version_label":
                labels = self._labels.get(spec.name, {})
                if spec.version_label not in labels:
                    raise invalid(f"Unrecognized servable version label: {spec.version_label}")
                return labels[spec.version_label]
            case _:
                return None

    def _with(self, config: ModelConfig) -> ModelVersions:
        known = self._models.get(config.name)
        if known is None:
            return ModelVersions(config, self._loading)
        known.config = config
        return known

    def _check_labels(self, configs: Sequence[ModelConfig]) -> None:
        """Where labels may come before versions, only a new label may: one that is in use moves to what can be used."""
        for config in configs:
            model, known = self._models.get(config.name), self._labels.get(config.name, {})
            for label, number in config.version_labels.items():
                free = self._labels_before_versions and known.get(label, number) == number
                if not free and (model is None or number not in model.serving()):
                    raise Refused(
                        Code.FAILED_PRECONDITION,
                        f"Request to assign label to version {number} of model {config.name}, "
                        "which is not currently available for inference",
                    )

    def _check_all_serve(self) -> None:
        failed = [
            f"{{name: {name} version: {version.number}}} due to error: {version.refusal}"
            for name in self.waiting()
            for version in self._models[name].all()
            if version.refusal is not None
        ]
        if failed:
            raise Refused(Code.UNKNOWN, f"{len(failed)} servable(s) did not become available: {{{', '.join(failed)}}}")
