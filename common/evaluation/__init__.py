"""Evaluates models: metrics, scores and plots."""
