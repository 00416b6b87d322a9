"""What this project is measured by: quality on pages and real images, and speed."""
