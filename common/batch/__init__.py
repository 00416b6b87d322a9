"""Reads many images in worker processes or with Ray, and saves the results in shards."""
