"""Model files: cards, safe loading, atomic saving and export."""
