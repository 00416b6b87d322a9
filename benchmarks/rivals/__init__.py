"""Short versions of what other digit recognisers usually do, as rivals for the benchmarks."""
