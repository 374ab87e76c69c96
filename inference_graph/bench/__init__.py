"""How fast it is and what it bears: tools that run against the graph that `up` runs here."""
