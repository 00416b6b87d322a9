"""Reading the fields of forms: the field file, registration, checks, and the best reading."""
