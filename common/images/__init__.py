"""Image files, folders and addresses to upright grey pages."""
