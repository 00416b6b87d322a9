"""Reads the fields of forms, proposes field files, and writes the review page."""
