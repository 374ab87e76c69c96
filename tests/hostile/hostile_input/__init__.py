"""Hostile input: known attacks, and requests made up from our own OpenAPI, against a real transformer with a good client beside."""
