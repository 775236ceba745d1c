"""How good the predictions are, against which baselines."""
