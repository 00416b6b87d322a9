"""Colours based on the palette of Okabe and Ito, which is suitable for colour-blind readers."""

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"
