"""The search for better hyper-parameters, on validation alone: what evaluation predicts is not looked at."""
