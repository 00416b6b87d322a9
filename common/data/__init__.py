"""Data sets and their file formats, and synthetic digits and pages."""
