"""Training: recipes, runs, checkpoints and results."""
