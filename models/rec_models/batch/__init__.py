"""Answers for all users at once, by Ray: the served pipeline in worker processes, never in the way of a request."""
