"""The endpoints of the HTTP API, with one module for each group."""
