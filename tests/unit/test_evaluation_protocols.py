"""What each protocol holds out, on sequences small enough to see."""

from __future__ import annotations

import numpy as np
import pytest

from rec_models.data.dataset import Seen
from rec_models.evaluation.protocols import forward, leave_last_basket_out, leave_last_out, split, usual_protocol
from rec_models.evaluation.requests import Requests
from rec_models.sequences import Sequences

Event = tuple[int, int, float]


def sequences(*events: Event, items: int = 10, rated: bool = False) -> Sequences:
    """(user, item, day) in the order of user, time and tie."""
    users, rows, days = (np.array(column) for column in zip(*events, strict=True))
    names = np.array([f"u{user}" for user in range(users.max() + 1)])
    values, stars = np.full(len(events), 4.0, np.float32), np.full(len(events), rated)
    return Sequences(users.astype(np.int32), rows.astype(np.int32), days * 86_400.0, values, stars, names, items)


def asked(requests: Requests) -> list[tuple[list[int], list[int]]]:
    """Of each request the items that it knows and those that it wants."""
    items = requests.sequences.items
    return [
        (items[first:cut].tolist(), items[requests.wanted[requests.owner == number]].tolist())
        for number, (first, cut) in enumerate(zip(requests.first, requests.cut, strict=True))
    ]


SIX = [(0, item, float(item)) for item in range(6)]
SHORT = [(1, 7, 1.0), (1, 8, 2.0)]
BASKETS = [(0, 1, 1.0), (0, 2, 1.0), (0, 3, 2.0), (0, 4, 2.0), (0, 5, 3.0), (0, 6, 3.0), (1, 1, 1.0), (1, 2, 1.0), (1, 3, 2.0), (1, 4, 2.0)]


def test_each_of_the_last_items_is_foreseen_from_all_that_precedes_it() -> None:
    made = leave_last_out(sequences(*SIX, *SHORT), last=2)
    assert asked(made.test) == [([0, 1, 2, 3], [4]), ([0, 1, 2, 3, 4], [5])]
    assert asked(made.validation) == [([0, 1, 2], [3])]
    assert made.train.tolist() == [True, True, True, False, False, False, True, True]
    assert made.left_out == 1


def test_a_whole_basket_is_wanted_at_once_and_users_with_two_baskets_are_left_out() -> None:
    made = leave_last_basket_out(sequences(*BASKETS))
    assert asked(made.test) == [([1, 2, 3, 4], [5, 6])]
    assert asked(made.validation) == [([1, 2], [3, 4])]
    assert made.known.users.tolist() == [0, 0, 1, 1, 1, 1]
    assert made.left_out == 1


def test_forward_asks_each_user_after_the_cut_once_with_all_that_came_before_even_if_nothing_did() -> None:
    early = [(0, n % 5, float(n)) for n in range(90)]
    late = [(0, 6, 92.0), (0, 7, 97.0), (0, 8, 98.0), (1, 7, 91.0), (1, 9, 96.0), (2, 1, 97.5), (2, 2, 97.5)]
    made = forward(sequences(*early, *late), last=1)
    known, wanted = zip(*asked(made.test), strict=True)
    assert wanted == ([7], [9], [1, 2])
    assert [len(own) for own in known] == [91, 1, 0]
    assert made.known.times.max() < 91 * 86_400.0
    assert made.test.users.tolist() == [0, 1, 2]


def test_the_protocol_follows_the_ties_of_the_data() -> None:
    assert usual_protocol(sequences(*BASKETS)) == "leave-last-basket-out"
    assert usual_protocol(sequences(*SIX, *SHORT)) == "leave-last-out"


def test_data_in_which_nobody_is_left_to_test_is_refused() -> None:
    with pytest.raises(ValueError, match=r"leave-last-out \(--last 9\) leaves nobody to test in 8 interactions"):
        split(sequences(*SIX, *SHORT), "leave-last-out", 9)


def test_an_item_that_came_twice_counts_with_its_greatest_weight() -> None:
    requests = leave_last_out(sequences((0, 3, 1.0), (0, 4, 2.0), (0, 3, 3.0), (0, 5, 4.0), (0, 6, 5.0)), last=1).test
    histories = requests.histories(slice(0, 1), lambda steps, days: 0.5 ** steps.astype(float))
    assert histories.toarray()[0, [3, 4, 5]].tolist() == [0.5, 0.25, 1.0]


def test_what_is_hidden_follows_the_mode_of_seen() -> None:
    requests = leave_last_out(sequences(*SIX), last=1).test
    assert requests.hidden(slice(0, 1), Seen("off")) is None
    ever, lately = requests.hidden(slice(0, 1), Seen("ever")), requests.hidden(slice(0, 1), Seen("within", 2.0))
    assert ever is not None
    assert lately is not None
    assert ever.nonzero()[1].tolist() == [0, 1, 2, 3, 4]
    assert lately.nonzero()[1].tolist() == [3, 4]


def test_a_wanted_item_is_liked_against_the_mean_of_what_came_before_it() -> None:
    made = leave_last_out(sequences(*SIX, rated=True), last=2).test
    made.sequences.values[:] = [5, 5, 5, 5, 4, 5]
    assert made.liked().tolist() == [False, True]


def test_a_part_of_the_requests_keeps_what_each_of_them_wants() -> None:
    made = leave_last_out(sequences(*SIX), last=3).test
    part = made.take(np.array([0, 2]))
    assert asked(part) == [asked(made)[0], asked(made)[2]]
