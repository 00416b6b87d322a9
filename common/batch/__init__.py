"""Reads many images: in worker processes or with Ray, with the results saved in shards."""
