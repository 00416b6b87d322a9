"""Finds image files, reads them and decodes them to upright grey pages."""
