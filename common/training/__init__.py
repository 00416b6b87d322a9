"""Recipes, training runs and what keeps them on disk."""
