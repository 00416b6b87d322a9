"""Benchmarks of speed and of reading quality."""
