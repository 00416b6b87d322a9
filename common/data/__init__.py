"""Training data that the project makes itself: glyphs, synthetic pages, and their targets."""
