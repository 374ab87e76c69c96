"""The built-in data set: a deterministic world with planted truth, so that the best possible score is known."""

from rec_models.synthetic.holding_out import history, hold_out_last, oracle_ranks
from rec_models.synthetic.making import make_world
from rec_models.synthetic.world import Strengths, World
from rec_models.synthetic.writing import read_world, write_world

__all__ = ["Strengths", "World", "history", "hold_out_last", "make_world", "oracle_ranks", "read_world", "write_world"]
