"""Command-line interfaces of the scripts: options, messages, progress and exit statuses."""
