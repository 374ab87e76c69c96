"""The table of contents: which kinds of components there are, what graph.yaml may say, and the pipelines built from it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from inference_graph.clients import Clients
from inference_graph.errors import InvalidConfiguration
from inference_graph.features import TYPE_VALUES
from inference_graph.filters.attributes import Attributes
from inference_graph.filters.blocked import Blocked
from inference_graph.filters.requested import Requested
from inference_graph.filters.seen import Seen
from inference_graph.hydrators.online_features import OnlineFeaturesSettings
from inference_graph.overload import Overload, OverloadSettings
from inference_graph.pipeline import Pipeline
from inference_graph.ranking.attribute_boost import AttributeBoost
from inference_graph.ranking.served_ranker import ServedRankerSettings
from inference_graph.run import Step
from inference_graph.selection.capped import Capped
from inference_graph.sources.next_item import NextItemSettings
from inference_graph.sources.popular import PopularSettings
from inference_graph.sources.similar_to_liked import SimilarToLikedSettings
from inference_graph.sources.two_tower import TwoTowerSettings

ENTRY_POINTS = "inference_graph.components"

# A component's own error comes as a text that begins with the place in its surface.
_WITHIN = re.compile(r"Value error, ([a-z_]+\[\d+\][\w.\[\]]*): ")

SourceSettings = TwoTowerSettings | SimilarToLikedSettings | NextItemSettings | PopularSettings
FilterComponent = Seen | Blocked | Requested | Attributes
BoosterComponent = AttributeBoost
HydratorSettings = OnlineFeaturesSettings
RankerSettings = ServedRankerSettings
BUILT_IN = (*SourceSettings.__args__, *FilterComponent.__args__, BoosterComponent, HydratorSettings, RankerSettings)


def _component(given: object) -> Any:
    """One entry of graph.yaml as its kind's settings; kinds from outside come by entry point."""
    if isinstance(given, BaseModel):
        return given
    if not isinstance(given, dict) or "kind" not in given:
        raise ValueError("expected an object with a `kind`")
    kinds = {str(model.model_fields["kind"].annotation.__args__[0]): model for model in BUILT_IN}
    kind = given["kind"]
    if kind not in kinds:
        outside = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
        if kind not in outside:
            raise ValueError(f"no component of kind {kind!r}; there are {', '.join(sorted({*kinds, *outside}))}")
        return TypeAdapter(outside[kind].load()).validate_python(given)
    return kinds[kind].model_validate(given)


Component = Annotated[Any, Field(description="an object with a `kind`")]


class Surface(BaseModel):
    """One endpoint with its own pipeline."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_timeout_seconds: float = Field(0.08, gt=0, le=10, description="time for the user's history and features")
    sources: tuple[Component, ...] = Field(min_length=1)
    filters: tuple[Component, ...]
    candidates: int = Field(500, ge=1, le=5000, description="candidates ranked at most")
    hydrators: tuple[Component, ...] = ()
    ranker: Component | None = None
    boosts: tuple[Component, ...] = ()
    selector: Capped = Capped()

    @model_validator(mode="before")
    @classmethod
    def _kinds(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        lists = {
            k: [_at(k, i, entry) for i, entry in enumerate(given[k])] for k in ("sources", "filters", "hydrators", "boosts") if k in given
        }
        one = {"ranker": _component(given["ranker"])} if given.get("ranker") is not None else {}
        return {**given, **lists, **one}

    @model_validator(mode="after")
    def _always_filtered(self) -> Self:
        kinds = {component.kind for component in self.filters}
        if missing := {"blocked", "requested"} - kinds:
            raise ValueError(f"filters must name {' and '.join(sorted(missing))}: without it the contract is broken")
        return self


def _at(key: str, index: int, entry: object) -> Any:
    try:
        return _component(entry)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{key}[{index}].{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except ValueError as error:
        raise ValueError(f"{key}[{index}]: {error}") from error


class GraphConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    clock: Literal["wall", "data"] = Field("wall", description="default time of a request: now, or the newest event known")
    timeout_seconds: float = Field(0.3, gt=0, le=30, description="budget of one request")
    type_values: dict[str, float] = Field(default_factory=lambda: dict(TYPE_VALUES), description="value of an interaction by its type")
    item_event: Literal["rating", "purchase"] = Field(
        "rating", description="how a page of one item enters the models: five stars or one unit"
    )
    overload: OverloadSettings = Field(OverloadSettings(), description="when fewer candidates are ranked, and when requests are refused")
    surfaces: dict[Literal["home", "similar"], Surface]
    version: str = Field("", description="set when read: the hash of the file")


def load_graph(path: Path) -> GraphConfig:
    """Reads graph.yaml. Raises InvalidConfiguration naming the file, the line, the key and what was expected."""
    try:
        content = path.read_bytes()
        given = yaml.safe_load(content)
    except OSError as error:
        raise InvalidConfiguration(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise InvalidConfiguration(f"{path}: not YAML: {str(error).replace(chr(10), ' ')}") from error
    if not isinstance(given, dict):
        raise InvalidConfiguration(f"{path}: expected keys and values, got {type(given).__name__}")
    try:
        return GraphConfig.model_validate({**given, "version": hashlib.sha256(content).hexdigest()[:12]})
    except ValidationError as error:
        first = error.errors()[0]
        key, within = ".".join(map(str, first["loc"])), _WITHIN.match(first["msg"])
        line = _line(content, f"{key}.{within[1]}" if within else key)
        raise InvalidConfiguration(f"{path}: line {line}: {key or 'the file'}: {first['msg']}") from error


def _line(content: bytes, key: str) -> int:
    """The line of `surfaces.home.sources[0].limit`, or of the deepest part of it that is in the file."""
    node, line = yaml.compose(content, yaml.SafeLoader), 1
    for step in re.findall(r"\w+", key):
        if isinstance(node, yaml.MappingNode):
            found = next(((own, value) for own, value in node.value if own.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and step.isdigit():
            found = next(((entry, entry) for entry in node.value[int(step) :]), None)
        else:
            break
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def default_graph(kind: Literal["ratings", "events"], seen: Mapping[str, object], clock: Literal["wall", "data"]) -> str:
    """The text of a graph.yaml for a data set of that kind."""
    template = (Path(__file__).parent / "graph.yaml").read_text()
    mode = ", ".join(f"{key}: {value}" for key, value in {"kind": "seen", **seen}.items() if value is not None)
    filled = template.replace("clock: wall ", f"clock: {clock} ").replace("kind: seen, mode: ever", mode)
    return filled.replace("item_event: rating", f"item_event: {'rating' if kind == 'ratings' else 'purchase'}")


def build(config: GraphConfig, clients: Clients, overload: Overload | None = None, *, strict: bool = False) -> dict[str, Pipeline]:
    """The pipeline of each surface; they share one `overload`, which takes up what the graph says of it."""
    shared = Overload() if overload is None else overload
    pipelines: dict[str, Pipeline] = {}
    for name, surface in config.surfaces.items():
        pipelines[name] = _pipeline(name, surface, config, clients, shared, strict)
    if shared.settings != config.overload:
        shared.adjust(config.overload)
    return pipelines


def _pipeline(name: str, surface: Surface, config: GraphConfig, clients: Clients, overload: Overload, strict: bool) -> Pipeline:
    sources = tuple(
        Step("source", s.kind, s.build(clients), getattr(s, "timeout_seconds", config.timeout_seconds)) for s in surface.sources
    )
    fresh = {column.rsplit(":")[-1] for hydrator in surface.hydrators for column in hydrator.columns}
    late = [f for f in surface.filters if isinstance(f, Attributes) and fresh & set(f.drop.columns)]
    ranker = surface.ranker
    return Pipeline(
        surface=name,
        users=Step("user", "history", clients.users, surface.user_timeout_seconds),
        sources=sources,
        weights=source_weights(surface.sources),
        filters=tuple((_name(f), f) for f in surface.filters if f not in late),
        candidate_limit=surface.candidates,
        hydrators=tuple(Step("hydrator", h.kind, h.build(clients), h.timeout_seconds) for h in surface.hydrators),
        late_filters=tuple((_name(f), f) for f in late),
        ranker=None
        if ranker is None
        else Step("ranker", "ranker", ranker.build(clients, tuple(step.name for step in sources)), ranker.timeout_seconds),
        boosters=tuple((b.name, b) for b in surface.boosts),
        selector=surface.selector,
        type_values=config.type_values,
        overload=overload,
        strict=strict,
    )


def source_weights(sources: Sequence[Component]) -> NDArray[np.float32]:
    """Float32 [sources]; a source from outside may be without one."""
    return np.array([getattr(source, "weight", 1.0) for source in sources], np.float32)


def _name(component: FilterComponent) -> str:
    return getattr(component, "name", component.kind)
