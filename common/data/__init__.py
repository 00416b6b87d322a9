"""Loads data sets of digits, and generates synthetic digits, pages and forms."""
