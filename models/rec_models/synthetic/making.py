"""Makes a world: plants it, then lets its users act; the same seed gives the same world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inference_graph.features import DAY_SECONDS
from rec_models.progress import Begin
from rec_models.synthetic.planting import CATEGORIES, plant_items, plant_successors, plant_tastes
from rec_models.synthetic.world import Floats, Ints, Strengths, World

BEGINNING = 1_672_531_200.0  # 2023-01-01 UTC
DAYS = 360
FEWEST_EVENTS = 5
MOST_EVENTS_SHARE = 0.25
EARLY_ITEMS = 0.7
POPULARITY_SPREAD = 1.4
POPULARITY_SWING = 2.0


def make_world(
    seed: int = 1,
    users: int = 2_000,
    items: int = 1_000,
    events: int = 60_000,
    strengths: Strengths | None = None,
    begin: Begin = lambda total, done: lambda more: None,
) -> World:
    """A world of exactly that size. Raises ValueError where the events do not fit the users and items."""
    if items < 50 or users < 1 or events < FEWEST_EVENTS * users or events > users * items * MOST_EVENTS_SHARE * 0.5:
        raise ValueError(
            f"expected at least 50 items and from {FEWEST_EVENTS} to {items * MOST_EVENTS_SHARE * 0.5:g} events a user, "
            f"got {users} users, {items} items, {events} events"
        )
    rng = np.random.Generator(np.random.PCG64(seed))
    world = _without_events(rng, seed, users, items, strengths or Strengths())
    event_users, event_times = _moments(rng, _event_counts(rng, users, events, int(items * MOST_EVENTS_SHARE)))
    event_items = _choices(rng, world, event_users, event_times, begin)
    stars = _stars(rng, world, event_users, event_items, event_times)
    order = np.lexsort((event_items, event_users, event_times))
    return replace(
        world,
        event_users=event_users[order],
        event_items=event_items[order],
        event_times=event_times[order],
        event_stars=stars[order],
    )


def _without_events(rng: np.random.Generator, seed: int, users: int, items: int, strengths: Strengths) -> World:
    planted = plant_items(rng, items)
    successors, weights = plant_successors(rng, planted.categories[:, 0])
    span = DAYS * DAY_SECONDS
    appears = np.where(rng.random(items) < EARLY_ITEMS, 0.0, rng.uniform(0.0, 0.7, items))
    return World(
        seed=seed,
        beginning=BEGINNING,
        end=BEGINNING + span,
        strengths=strengths,
        categories=CATEGORIES,
        user_ids=tuple(f"u{number:05d}" for number in range(users)),
        item_ids=tuple(f"i{number:05d}" for number in range(items)),
        item_titles=planted.titles,
        item_texts=planted.texts,
        item_makers=planted.makers,
        item_prices=planted.prices,
        item_categories=planted.categories,
        user_tastes=plant_tastes(rng, users),
        item_vectors=planted.vectors,
        successors=successors,
        successor_weights=weights,
        popularity_level=POPULARITY_SPREAD * rng.standard_normal(items),
        popularity_swing=POPULARITY_SWING * rng.random(items),
        popularity_peak=BEGINNING + span * (appears + (1.15 - appears) * rng.random(items)),
        popularity_width=span * rng.uniform(0.05, 0.2, items),
        available_from=BEGINNING + span * appears,
        event_users=np.empty(0, np.int64),
        event_items=np.empty(0, np.int64),
        event_times=np.empty(0),
        event_stars=np.empty(0),
    )


def _event_counts(rng: np.random.Generator, users: int, events: int, most: int) -> Ints:
    """Events a user, from FEWEST_EVENTS to `most`, a few users with many, in all exactly `events`."""
    weights = np.exp(rng.normal(0.0, 0.6, users))
    counts: Ints = np.clip(np.floor(weights / weights.sum() * events), FEWEST_EVENTS, most).astype(np.int64)
    order = rng.permutation(users)
    step = 1 if counts.sum() < events else -1
    while counts.sum() != events:
        room = order[(counts[order] < most) if step > 0 else (counts[order] > FEWEST_EVENTS)]
        counts[room[: abs(events - int(counts.sum()))]] += step
    return counts


def _moments(rng: np.random.Generator, counts: Ints) -> tuple[Ints, Floats]:
    """Users and whole seconds of all events, by user and time; users join in the first 60 %, nobody acts twice in a second."""
    joined = np.repeat(rng.uniform(0.0, 0.6, len(counts)), counts)
    users = np.repeat(np.arange(len(counts)), counts)
    times = np.floor((joined + (1 - joined) * rng.random(len(users))) * DAYS * DAY_SECONDS)
    times = times[np.lexsort((times, users))]
    position = np.arange(len(users)) - np.repeat(np.cumsum(counts) - counts, counts)
    return users, BEGINNING + times + position


def _choices(rng: np.random.Generator, world: World, users: Ints, times: Floats, begin: Begin) -> Ints:
    """Draws every user's n-th item at once, n = 0, 1, ..., by Gumbel's maximum: exact draws from the softmax."""
    items = np.full(len(users), -1, np.int64)
    first = np.searchsorted(users, np.arange(len(world.user_ids)))
    counts = np.bincount(users, minlength=len(world.user_ids))
    seen = np.zeros((len(world.user_ids), len(world.item_ids)), np.bool_)
    newest = np.full((len(world.user_ids), world.strengths.successor_depth), -1, np.int64)
    advance = begin(len(users), 0)
    for position in range(int(counts.max())):
        acting = np.flatnonzero(counts > position)
        events = first[acting] + position
        logits = world.logits(acting, times[events], newest[acting])
        logits[seen[acting]] = -np.inf
        chosen = np.argmax(logits + rng.gumbel(size=logits.shape), axis=1)
        items[events] = chosen
        seen[acting, chosen] = True
        newest[acting] = np.column_stack([chosen, newest[acting, :-1]])
        advance(len(acting))
    return items


def _stars(rng: np.random.Generator, world: World, users: Ints, items: Ints, times: Floats) -> Floats:
    """Half stars from 0.5 to 5: the user's own level, how well the item suits the taste, and noise."""
    level = rng.normal(3.4, 0.3, len(world.user_ids))[users]
    fit = np.einsum("ed,ed->e", world.tastes(users, times), world.item_vectors[items])
    raw = level + 1.5 * (fit - fit.mean()) + rng.normal(0.0, 0.6, len(users))
    stars: Floats = np.clip(np.round(raw * 2) / 2, 0.5, 5.0)
    return stars
