"""Reading many images: shards of results, worker processes and Ray."""
