"""The usual ways, made again in a few lines from how such projects describe themselves."""
