"""Hand-made rules that find digits without a network."""
