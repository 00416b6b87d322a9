"""Hand-written rules that find digits without the finder network."""
