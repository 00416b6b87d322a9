"""Model files: the card, safe loading, saving and export."""
