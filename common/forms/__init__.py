"""Reads forms: field files, alignment with the empty form, checks, and the best values."""
