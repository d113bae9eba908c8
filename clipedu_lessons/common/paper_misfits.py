"""Where the paper's print does not agree with itself, and what this course does about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Misfit:
    """Where the paper's print does not agree with itself, and what this course does about it."""

    what: str
    printed: str
    found: str
    use: str


MISFITS = (
    Misfit(
        "Figure 5, UCF101",
        "+7.7",
        "Tables 11 and 10: 76.9 - 71.2 = +5.7",
        "the bar's label as printed; sums are computed from the tables",
    ),
    Misfit(
        "Figure 5, KITTI",
        "-34.0",
        "Tables 11 and 10: 21.9 - 67.1 = -45.2",
        "the bar's label as printed; sums are computed from the tables",
    ),
    Misfit(
        "Figure 11, wins over Noisy Student",
        "21 of 27",
        "21 against EfficientNet-L2-475; 20 and one tie (STL10) against L2-800, which the printed "
        "bars belong to",
        "both counts, each with its model",
    ),
    Misfit(
        "Figure 8, correlation and slope",
        "r 0.82, slope 1.28, 5 datasets within 3 points",
        "from the tables r 0.81, slope 1.32, 4 datasets (Caltech101 is 3.2 points off)",
        "the printed numbers as printed, ours as computed",
    ),
    Misfit("Table 9, classes of Food101", "102", "the dataset has 101", "101"),
    Misfit(
        "Figure 13, ImageNet-A of zero-shot CLIP",
        "77.1",
        "Table 16 prints 77.2",
        "the number with its place",
    ),
    Misfit(
        "Figure 13, ResNet-101",
        "76.2 on ImageNet",
        "the testbed's cafferesnet101 (76.20), not torchvision's (77.37)",
        "cafferesnet101",
    ),
)
