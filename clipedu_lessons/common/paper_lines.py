"""The lines that Figures 13 and 14 of the paper measure robustness against, fitted on the testbed
of Taori et al. 2020, arXiv 2007.00644.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

TESTBED_CITATION = (
    "Taori et al. 2020, Measuring Robustness to Natural Distribution Shifts in Image "
    "Classification, arXiv 2007.00644, with the testbed's published accuracies"
)


@dataclass(frozen=True)
class BaselineLine:
    """logit(accuracy under shift) = a * logit(accuracy on ImageNet) + b, over standard models.

    r: correlation of the logits; models: how many. Fitted on the testbed's models that were
    trained on ImageNet alone (Taori et al. 2020, arXiv 2007.00644; see `TESTBED_CITATION`).
    """

    shift: str
    a: float
    b: float
    r: float
    models: int

    def predict(self, percent: float) -> float:
        """ImageNet accuracy -> accuracy to expect under the shift, both in percent, 0 < x < 100.

        Raises ValueError outside: the logit of 0 and of 1 is infinite.
        """
        if not 0 < percent < 100:
            raise ValueError(f"An accuracy between 0 and 100 percent is needed; got {percent}.")
        logit = math.log(percent / (100 - percent))
        return 100 / (1 + math.exp(-(self.a * logit + self.b)))

    def effective_robustness(self, percent: float, shifted: float) -> float:
        """Points above what ImageNet accuracy predicts: shifted - predicted.

        Both in percent (Taori et al. 2020, arXiv 2007.00644).
        """
        return shifted - self.predict(percent)


BASELINES = {
    line.shift: line
    for line in (
        BaselineLine("ImageNetV2", 0.911, -0.481, 0.998, 85),
        BaselineLine("ImageNet-Sketch", 1.071, -2.370, 0.932, 85),
        BaselineLine("ImageNet-R", 0.912, -1.600, 0.937, 80),
        BaselineLine("ObjectNet", 1.199, -2.024, 0.970, 85),
        BaselineLine("ImageNet-A", 3.052, -6.292, 0.879, 84),
        BaselineLine("average of 7", 0.860, -2.077, 0.981, 80),
    )
}

# The testbed's row of the ResNet-101 in Figure 13: (ImageNet on the shift's classes, the shift),
# percent; for the two video sets the mean of PM0 and PM10. Taori et al. 2020, arXiv 2007.00644.
CAFFERESNET101 = {
    "ImageNetV2": (76.20, 64.30),
    "ImageNet-A": (91.94, 2.65),
    "ImageNet-R": (92.20, 37.72),
    "ObjectNet": (78.10, 32.58),
    "ImageNet-Sketch": (76.20, 25.21),
    "ImageNet-Vid": (98.52, (68.98 + 52.93) / 2),
    "Youtube-BB": (98.77, (58.18 + 44.29) / 2),
}
