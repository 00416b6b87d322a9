"""Many images: shards of results, processes and Ray."""
