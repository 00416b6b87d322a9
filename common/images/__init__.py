"""Turns image files, folders and addresses into upright grey pages."""
