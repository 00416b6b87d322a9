"""Evaluates models: metrics, tables, plots and explanations."""
