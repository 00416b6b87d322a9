"""Data sets, their formats, and training data that the project makes: digits and pages."""
