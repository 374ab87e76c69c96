"""How good the graph is, and what it is measured against: protocols, baselines, a world of its own, a replay over HTTP, a report."""
