"""The commands that training adds to `inference-graph`; each imports what is heavy only when it runs."""
