"""What the environment of the transformer says: where its services are and how far it trusts its callers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inference_graph.errors import InvalidConfiguration
from inference_graph.redis_address import full_address


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    graph: Path = Field(description="graph.yaml: stages, rules, budget")
    redis_url: str = Field(description="redis:// or rediss:// address of history, blocked items, vectors and user features")
    redis_prefix: str = Field("recommender", min_length=1, description="first part of every key, in braces")
    retrieval_target: str = Field(description="gRPC address of the retrieval model server, such as dns:///retrieval:9000")
    ranking_target: str = Field(description="gRPC address of the ranking model server")
    retrieval_model: str = Field("retrieval", min_length=1, description="model name at the retrieval server")
    ranking_model: str = Field("ranking", min_length=1, description="model name at the ranking server")
    snapshot_store: str = Field(description="folder or s3://bucket/prefix of catalogue snapshots")
    snapshot_cache: Path = Field(Path(".run/cache/snapshots"), description="where remote snapshots are copied to")
    snapshot_pin: str | None = Field(None, description="a snapshot's name to stay with; empty follows the pointer")
    snapshot_poll_seconds: float = Field(1.0, ge=0.1, le=3600, description="seconds between looks at the pointer")
    feature_registry: str = Field(description="Feast's registry file")
    feature_project: str = Field(description="Feast's project")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=1, le=65535, description="HTTP port")
    startup_grace_seconds: float | None = Field(10.0, ge=0, description="ready without a dead dependency after this long; empty = never")
    max_body_bytes: int = Field(1_048_576, ge=1024, le=67_108_864, description="largest request body")
    body_seconds: float = Field(10.0, gt=0, le=600, description="seconds in which a request's body must come; beyond it 408")
    max_head_bytes: int = Field(32_768, ge=1024, le=1_048_576, description="largest request line with headers; beyond it 431")
    head_seconds: float = Field(10.0, gt=0, le=600, description="seconds in which a request's headers must come; beyond it 408")
    max_concurrency: int = Field(64, ge=1, le=4096, description="POSTs at work at once; beyond it 429. Overload (graph.yaml) lets in fewer")
    drain_seconds: float = Field(5.0, ge=0, le=600, description="seconds in which open requests may end after SIGTERM")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Reads each field from the variable of its name in capitals; Redis's address also from REDIS_USERNAME, REDIS_PASSWORD, REDIS_CA.

        Raises InvalidConfiguration, naming the variable.
        """
        given = {name: environment[name.upper()] for name in cls.model_fields if name.upper() in environment}
        if given.get("redis_url"):
            given["redis_url"] = full_address(given["redis_url"], environment)
        empty_means_none = {name: value or None for name, value in given.items()}
        try:
            return cls.model_validate(empty_means_none)
        except ValidationError as error:
            first = error.errors()[0]
            variable = str(first["loc"][0]).upper()
            raise InvalidConfiguration(f"{variable}: {first['msg']}, got {environment.get(variable)!r}") from error
