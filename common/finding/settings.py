"""Tuned parameters of digit detection; `benchmarks/sensitivity.py` varies each of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Tuned parameters of digit detection.

    "Drawing" marks the parameters of `drawings`, which needs no network. They were tuned on MNIST
    training images and on the first half of the development images. The other parameters were tuned
    on generated development pages and on the same half of the development images.

    Attributes:
        min_paper: Drawing: minimum share of pixels that have the grey level of the paper, apart
            from noise.
        min_contrast: Drawing: minimum difference between ink and paper in grey levels.
        faint_ink: Drawing: minimum ink of every pixel of a mark, 0 to 1.
        strong_ink: Drawing: minimum ink of the strongest pixel of a mark, 0 to 1.
        min_mark_size: Drawing: minimum length of a mark's longer side, as a share of the digits'
            height. Smaller marks are ignored.
        max_gap: Drawing: maximum vertical gap between a digit and a detached stroke of the same
            digit, such as the bar of a 5, as a share of the digits' height.
        sure_confidence: Drawing: minimum confidence for the shortcut without the full search. If
            any mark has less, the finder searches the image at all scales.
        min_peak: Finder: minimum probability of a peak in the heat maps.
        max_overlap: Finder: maximum intersection over union of the boxes of two different digits.
        max_inside: Finder: maximum share of the smaller of two boxes that is inside the other one.
            If the share is larger, the less likely detection is removed. Also the minimum share of
            a mark on a drawing that the matching digit covers.
        ink_margin: Finder: width of the margin around a digit's box that may also contain ink of
            the digit, as a share of the box's longer side.
        min_ink: Finder: minimum mean probability of ink in a connected component of a digit.
        sure_ink: Finder: probability of ink below which a pixel may be paper. If a connected
            component extends beyond a digit's box, a pixel belongs to the digit only if its
            probability exceeds the mean of `min_ink` and `sure_ink`.
        stroke: Finder: minimum contrast of the pixels of a stroke, as a share of the usual contrast
            between ink and paper.
        min_component: Finder: minimum share of a connected component that must be inside a digit's
            box. Otherwise, the component counts as extending beyond the box.
        size_spread: Finder: standard deviation of the logarithm of the digit sizes on one line.
        support_damping: Finder: term that is added to the total weight of a detection's
            neighbours. It reduces the support if there are few neighbours or their weights are low.
        min_confidence: Minimum confidence of a digit.
        min_upright_score: Orientation: a page whose digits have at least this median score is not
            turned.
        turned_evidence: Orientation: minimum gain in evidence for upright digits that turning a
            page must bring. Each digit contributes at most 0.5.
    """

    min_paper: float = 0.4
    min_contrast: float = 6.0
    faint_ink: float = 0.2
    strong_ink: float = 0.5
    min_mark_size: float = 0.2
    max_gap: float = 0.35
    sure_confidence: float = 0.9
    min_peak: float = 0.15
    max_overlap: float = 0.35
    max_inside: float = 0.65
    ink_margin: float = 0.25
    min_ink: float = 0.15
    sure_ink: float = 0.5
    stroke: float = 0.35
    min_component: float = 0.9
    size_spread: float = 0.5
    support_damping: float = 0.3
    min_confidence: float = 0.5
    min_upright_score: float = 0.7
    turned_evidence: float = 0.5


SETTINGS = Settings()
