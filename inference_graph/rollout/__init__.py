"""A release on a cluster: what runs where in which version and whether it is healthy, on to a new model, back to what worked."""
