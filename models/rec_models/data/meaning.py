"""What the figures of a data set mean for whoever evaluates on it: which protocol, which users, which comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rec_models.data.figures import BASKETS_NEEDED, RARE, Figures
from rec_models.data.suspects import Suspect

Protocol = Literal["leave-last-out", "leave-last-basket-out"]
MOST_TIED = 0.5
MANY_REPEATS = 0.01
MANY_RARE = 0.5
FEW_USERS = 100


def protocol_for(tied_last: float) -> Protocol:
    """The protocol that fits; `tied_last` is the share of users whose last second holds several interactions."""
    return "leave-last-basket-out" if tied_last > MOST_TIED else "leave-last-out"


def meaning(figures: Figures, suspects: Sequence[Suspect]) -> tuple[str, ...]:
    """One sentence each, the choice of protocol first."""
    if figures.days == 0:
        return ("all interactions have one timestamp: nothing comes last, and no protocol that predicts what follows can be used",)
    return (*_protocol(figures), _forward(figures), *_repeats(figures), *_rare(figures), *_suspect(figures, suspects))


def _protocol(figures: Figures) -> list[str]:
    protocol = protocol_for(figures.tied_last)
    several = f"{figures.tied_last:.1%} of the users have several interactions in their last second"
    if protocol == "leave-last-basket-out":
        left_out = f"{figures.too_few_moments:,} of {figures.users:,} users have fewer than {BASKETS_NEEDED} baskets and are left out"
        return [f"protocol: {protocol}, as {several}; {left_out}"]
    if not figures.tied_last:
        return [f"protocol: {protocol}, as every user has one last interaction"]
    order = "their content" if figures.ties == "content" else "the file"
    return [f"protocol: {protocol}, as only {several}; which of them is the last one, {order} decides"]


def _forward(figures: Figures) -> str:
    known = figures.of_them_known
    few = ": too few to tell near results apart" if known < FEW_USERS else ""
    return f"forward: {figures.users_in_newest_tenth:,} users did something among the newest tenth, {known:,} of them also before it{few}"


def _repeats(figures: Figures) -> list[str]:
    if figures.repeats < MANY_REPEATS:
        return []
    share = f"{figures.repeats:.1%} of the interactions ({figures.repeats_last:.1%} of the users' last ones)"
    return [f"{share} are of an item that the user had: report `seen: ever` and `seen: off` both, the same for everything compared"]


def _rare(figures: Figures) -> list[str]:
    share = f"{figures.rare_items:.0%} of the items have under {RARE} interactions"
    return [f"{share}: what is known of their content counts more than who had them"] if figures.rare_items > MANY_RARE else []


def _suspect(figures: Figures, suspects: Sequence[Suspect]) -> list[str]:
    share = sum(suspect.interactions for suspect in suspects) / figures.interactions
    who = "1 user does" if len(suspects) == 1 else f"{len(suspects):,} users do"
    said = f"{who} more than a person would, {share:.1%} of the interactions: compare results with and without"
    return [said] if suspects else []
