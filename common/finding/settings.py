"""The tuned numbers that decide what is a digit; `benchmarks/sensitivity.py` varies each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The tuned numbers that decide what is a digit.

    Those of drawings were tuned on MNIST training images and on the first half of the development
    images; all others on generated development pages and on the same half.

    Attributes:
        min_paper: Drawing: minimum share of pixels with the grey level of the paper, give or take
            noise.
        min_contrast: Drawing: minimum difference between ink and paper in grey levels.
        faint_ink: Drawing: minimum ink of the pixels of a mark, 0 to 1.
        strong_ink: Drawing: minimum ink of at least one pixel of each mark, 0 to 1.
        speck: Drawing: marks with both sides below this share of the digits' height are ignored.
        max_gap: Drawing: maximum gap between a stroke and the digit below or above that it belongs
            to, like the bar of a 5, as a share of the digits' height.
        sure: Drawing: minimum confidence of each digit; otherwise, the finder is asked.
        min_peak: Finder: minimum probability at the centre of a digit, at any scale.
        max_overlap: Finder: two boxes with a larger intersection over union are one digit.
        max_inside: Finder: a box with a larger share inside a more likely box is a part of it.
        ink_margin: Finder: margin around a digit in which its ink is searched for, as a share of
            its longer side.
        min_ink: Finder: minimum probability of ink in a connected component of a digit.
        sure_ink: Finder: minimum probability of ink of the pixels of a digit that touches others.
        stroke: Finder: minimum contrast of the pixels of a stroke, where 1 is the contrast of most.
        min_component: Finder: minimum share of a connected component inside the box.
        size_spread: Finder: standard deviation of the logarithm of the sizes of digits on one line.
        alone: Finder: weight, in neighbours, of the assumption that the neighbours of a detection
            say nothing about it.
        min_confidence: Minimum confidence of a digit.
        upright: Orientation: minimum median score of the digits on a page that must be upright.
        turned_evidence: Orientation: a page is turned if that adds this much evidence for upright
            digits; each digit adds at most 0.5.
    """

    min_paper: float = 0.4
    min_contrast: float = 6.0
    faint_ink: float = 0.2
    strong_ink: float = 0.5
    speck: float = 0.2
    max_gap: float = 0.35
    sure: float = 0.9
    min_peak: float = 0.15
    max_overlap: float = 0.35
    max_inside: float = 0.65
    ink_margin: float = 0.25
    min_ink: float = 0.15
    sure_ink: float = 0.5
    stroke: float = 0.35
    min_component: float = 0.9
    size_spread: float = 0.5
    alone: float = 0.3
    min_confidence: float = 0.5
    upright: float = 0.7
    turned_evidence: float = 0.5


SETTINGS = Settings()
