"""Colours of Okabe and Ito's palette, which people with any colour vision can tell apart."""

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"
