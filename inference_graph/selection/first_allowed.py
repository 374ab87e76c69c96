"""The order under caps where taking the first allowed candidate for each place fills them all: the usual case, in microseconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field


@dataclass(slots=True)
class Rule:
    """At most `most` items of one category in the first `window` places; `exempt` categories are not counted."""

    most: int
    window: int
    exempt: Set[int]
    used: Counter[int] = field(default_factory=Counter)

    def allows(self, categories: Set[int]) -> bool:
        return all(self.used[category] < self.most for category in categories - self.exempt)


def first_allowed(rules: Sequence[Rule], categories_of: Callable[[int], Set[int]], candidates: int) -> list[int] | None:
    """Which of the candidates, best first, take the places that some rule covers; None where this ends with none allowed.

    Where it does not, nothing better obeys: each place has the best candidate that its rules allow, and the ones after it
    show that the remaining places could be filled.
    """
    chosen: list[int] = []
    taken: set[int] = set()
    known: list[Set[int]] = []
    index, active = 0, tuple(rules)
    for place in range(max((rule.window for rule in rules), default=0)):
        still = tuple(rule for rule in active if place < rule.window)
        if len(still) < len(active):
            # What a rule kept away may come now; while the rules stay the same, it stays away.
            index, active = 0, still
        while index < candidates:
            if index == len(known):
                known.append(categories_of(index))
            if index not in taken and all(rule.allows(known[index]) for rule in active):
                break
            index += 1
        if index == candidates:
            return None
        chosen.append(index)
        taken.add(index)
        for rule in active:
            rule.used.update(known[index])
    return chosen
