"""Invented catalogues of any size for `bench scale`, which runs them as `python -m rec_models.large_catalogue`."""
