"""The serving path of the recommendation inference graph: read `pipeline.py` first."""
