"""Model files: cards, safe loading, atomic saving and conversion to `.tflite`."""
