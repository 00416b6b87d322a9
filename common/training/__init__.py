"""Recipes, training runs and checkpoints."""
