"""What is held out: which events train, and which requests validate and test. Pure functions of the sequences.

Leave-last-out and leave-last-basket-out cut each user's own sequence, as papers do: the models know none of what the tested users
did from their cut on, but they do know what others did later. `forward` cuts time itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rec_models.data.meaning import protocol_for
from rec_models.evaluation.requests import Requests
from rec_models.sequences import Indices, Sequences

Name = Literal["leave-last-out", "leave-last-basket-out", "forward"]
NAMES: tuple[Name, ...] = get_args(Name)
VALIDATION_FROM, TEST_FROM = 0.90, 0.95
"""The shares of all interactions that lie before validation and test of `forward`."""


@dataclass(frozen=True, eq=False)
class Split:
    """`train` [events] marks what models may learn from; users `left_out` are not tested, and train whole."""

    train: NDArray[np.bool_]
    validation: Requests
    test: Requests
    left_out: int

    @property
    def known(self) -> Sequences:
        return self.test.sequences.where(self.train)


def split(sequences: Sequences, protocol: Name, last: int) -> Split:
    """`last`: test items of a user (leave-last-out), or moments after the cut (forward). Raises ValueError where nobody is left."""
    protocols: dict[Name, Callable[[], Split]] = {
        "leave-last-out": lambda: leave_last_out(sequences, last),
        "leave-last-basket-out": lambda: leave_last_basket_out(sequences),
        "forward": lambda: forward(sequences, last),
    }
    made = protocols[protocol]()
    if len(made.test) == 0 or len(made.validation) == 0 or not made.train.any():
        raise ValueError(f"{protocol} (--last {last}) leaves nobody to test in {len(sequences)} interactions: use less, or other data")
    return made


def usual_protocol(sequences: Sequences) -> Name:
    """Baskets where the last timestamp of many users is tied: there is no order in which to leave one item out."""
    ends = np.append(np.flatnonzero(np.diff(sequences.users)), len(sequences) - 1)
    tied = sequences.moment[ends] < ends
    return protocol_for(float(tied.mean()))


def leave_last_out(sequences: Sequences, last: int) -> Split:
    """The last `last` events of each user are test items, each foreseen from all that precede it; the one before validates."""
    index = np.arange(len(sequences))
    count = np.bincount(sequences.users)[sequences.users]
    from_end = sequences.first + count - 1 - index
    tested = count >= last + 2
    test, validation = tested & (from_end < last), tested & (from_end == last)
    left_out = int((~tested & (from_end == 0)).sum())
    return Split(~(test | validation), _one_each(sequences, validation), _one_each(sequences, test), left_out)


def leave_last_basket_out(sequences: Sequences) -> Split:
    """All items of a user's last timestamp are wanted at once, those of the one before validate."""
    number = sequences.moment_number
    last_of_user = np.maximum.reduceat(number, np.unique(sequences.first))[sequences.users]
    moments = last_of_user - number[sequences.first] + 1
    from_end = last_of_user - number
    tested = moments >= 3
    test, validation = tested & (from_end == 0), tested & (from_end == 1)
    starts = sequences.moment == np.arange(len(sequences))
    validation_of, test_of = (_baskets(sequences, np.flatnonzero(part & starts)) for part in (validation, test))
    return Split(~(test | validation), validation_of, test_of, len(np.unique(sequences.users[~tested])))


def forward(sequences: Sequences, last: int) -> Split:
    """What came after a point in time; of each user the first `last` moments after it, each wanted whole. Strangers are tested too."""
    validation_from, test_from = np.quantile(sequences.times, [VALIDATION_FROM, TEST_FROM], method="higher").tolist()
    starts = np.unique(sequences.moment)
    times = sequences.times[starts]
    validation = _first_of_users(sequences, starts[(times >= validation_from) & (times < test_from)], last)
    test = _first_of_users(sequences, starts[times >= test_from], last)
    left_out = len(sequences.user_ids) - len(np.unique(sequences.users[test]))
    train = sequences.times < validation_from
    return Split(train, _baskets(sequences, validation), _baskets(sequences, test), left_out)


def _first_of_users(sequences: Sequences, starts: Indices, last: int) -> Indices:
    users = sequences.users[starts]
    begin = np.searchsorted(users, users)
    return starts[np.arange(len(starts)) - begin < last]


def _one_each(sequences: Sequences, chosen: NDArray[np.bool_]) -> Requests:
    events = np.flatnonzero(chosen)
    return Requests(sequences, sequences.first[events], events, sequences.times[events], events, np.arange(len(events)))


def _baskets(sequences: Sequences, starts: Indices) -> Requests:
    """One request for each moment; an item that a moment holds twice is wanted once."""
    events = np.flatnonzero(np.isin(sequences.moment, starts))
    owner = np.searchsorted(starts, sequences.moment[events])
    once = np.sort(np.unique(owner * sequences.item_count + sequences.items[events], return_index=True)[1])
    return Requests(sequences, sequences.first[starts], starts, sequences.times[starts], events[once], owner[once])
