"""The hyper-parameters of both models, as in models/configs; an unknown or unreasonable one is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inference_graph.errors import InvalidConfiguration
from rec_models.item_to_item import ItemToItem

CONFIGS = Path(__file__).parents[1] / "configs"


class Lists(BaseModel):
    """Inverted lists, for catalogues in which scoring every item takes too long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    above: int = Field(200_000, ge=0, le=100_000_000, description="items from which on a request looks into some lists only")
    length: int = Field(64, ge=8, le=4096, description="items in a list at most")
    recall: float = Field(0.96, gt=0, le=1, description="share of the exact answer to be found: so many lists are looked into")
    users: int = Field(1000, ge=10, le=100_000, description="users on whose requests recall is measured, at most")


class Retrieval(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(7, ge=0, description="seed of everything random")
    dimensions: int = Field(64, ge=4, le=512, description="length of user and item vectors, in numbers")
    content_dimensions: int = Field(64, ge=4, le=512, description="length of the vector of an item's words and categories, in numbers")
    heads: int = Field(4, ge=1, le=16, description="weighted means of the history, each with its own forgetting")
    least_regard: float = Field(1.0, ge=0, le=2, description="1 - this is at most the weight of a rating far below the user's mean")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of numbers dropped in training")
    epochs: float = Field(8.0, gt=0, le=200, description="passes over all interactions")
    refresh_share: float = Field(0.25, gt=0, le=1, description="share of the epochs for training on to a later cut")
    final_share: float = Field(0.5, gt=0, le=1, description="share of the epochs for training on to the end of the data")
    most_steps: int = Field(2400, ge=1, le=1_000_000, description="upper bound of optimizer steps, whatever the data's size")
    window: int = Field(8, ge=1, le=100, description="successive targets of one user that share their history in a batch")
    batch: int = Field(512, ge=8, le=65_536, description="targets a step")
    negatives: int = Field(2048, ge=16, le=65_536, description="sampled negatives a step")
    sampling_power: float = Field(0.75, ge=0, le=1, description="negatives are drawn by popularity to this power")
    learning_rate: float = Field(0.005, gt=0, le=1, description="peak learning rate of Adam, falling to zero by a cosine")
    weight_decay: float = Field(0.001, ge=0, le=1, description="decoupled decay a unit of learning rate")
    answer: int = Field(500, ge=1, le=10_000, description="items that the model returns")
    lists: Lists = Lists()


class Proposing(BaseModel):
    """The limits of the default graph.yaml: what the ranker sees in training is what it will see when served."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    two_tower: int = Field(400, ge=1, le=5000, description="items proposed at most")
    similar_to_liked: int = Field(100, ge=1, le=5000, description="items proposed at most")
    next_item: int = Field(200, ge=1, le=5000, description="items proposed at most")
    popular: int = Field(100, ge=1, le=5000, description="items proposed at most")
    seeds: int = Field(5, ge=1, le=20, description="liked items around which similar ones are searched")
    neighbours: int = Field(100, ge=1, le=1000, description="items searched around each seed")
    half_life_days: float = Field(30.0, gt=0, le=36_500, description="age at which a liking counts half, in days")
    candidates: int = Field(500, ge=10, le=5000, description="candidates ranked at most")


class Ranking(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(11, ge=0, description="seed of everything random")
    proposing: Proposing = Proposing()
    item_to_item: ItemToItem = ItemToItem()
    cuts: tuple[float, ...] = Field((0.5, 0.6, 0.7, 0.8, 0.9), min_length=1, description="shares of the interactions known at each cut")
    held_out: float = Field(0.2, gt=0, le=0.9, description="share of the newest requests kept for validation")
    requests: int = Field(27_000, ge=10, le=1_000_000, description="training requests after cuts at most, over all cuts")
    newest_share: float = Field(0.1, gt=0, lt=0.5, description="share of each user's moments, the newest, that are also asked for last")
    newest_requests: int = Field(9_000, ge=0, le=1_000_000, description="training requests at those moments at most")
    sampled_candidates: int = Field(192, ge=8, le=5000, description="candidates of a request used in a training step")
    future_moments: int = Field(3, ge=1, le=100, description="moments after the request whose items are positives")
    future_weight: float = Field(0.5, ge=0, le=1, description="weight of a positive, for each moment further ahead")
    heads: int = Field(4, ge=1, le=16, description="attention heads over the history, per kind of item vector")
    hidden: tuple[int, ...] = Field((128, 64), min_length=1, description="widths of the hidden layers")
    dropout: float = Field(0.15, ge=0, lt=1, description="share of numbers dropped in training")
    blindness: float = Field(0.3, ge=0, le=1, description="share of training requests that are not told how busy items are just now")
    epochs: float = Field(6.0, gt=0, le=200, description="passes over the training requests")
    most_steps: int = Field(1600, ge=1, le=1_000_000, description="upper bound of optimizer steps, whatever the number of requests")
    batch: int = Field(32, ge=1, le=4096, description="requests a step")
    learning_rate: float = Field(0.008, gt=0, le=1, description="peak learning rate of Adam, falling to zero by a cosine")
    weight_decay: float = Field(0.01, ge=0, le=1, description="decoupled decay a unit of learning rate")
    calibration: float = Field(0.1, ge=0, le=10, description="weight of the logistic loss beside the listwise one")


Settings = TypeVar("Settings", bound=BaseModel)


def read_configuration(kind: type[Settings], path: Path) -> Settings:
    """Reads a YAML file. Raises InvalidConfiguration that names the key, the bound and what came."""
    try:
        return kind.model_validate(yaml.safe_load(path.read_text()) or {})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InvalidConfiguration(f"{path.name}: {key}: {first['msg']}, got {first['input']!r}") from error
    except (OSError, yaml.YAMLError) as error:
        raise InvalidConfiguration(f"{path}: {error}") from error
