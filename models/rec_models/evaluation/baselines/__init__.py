"""What anybody gets without a graph. Each file: one idea, its trials over one training part, scores for the whole catalogue."""
