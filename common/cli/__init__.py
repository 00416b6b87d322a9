"""Command lines: options, messages, progress and exit statuses."""
