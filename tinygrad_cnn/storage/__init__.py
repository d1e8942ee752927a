"""Files: weights, states and checkpoints, written whole or not at all."""
