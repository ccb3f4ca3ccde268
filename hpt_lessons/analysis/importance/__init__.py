"""Which hyperparameters matter? Shares of the variance, the gain from tuning each alone, and what distorts both."""

from hpt_lessons.analysis.importance.adaptive import AdaptiveWarning, adaptively_chosen
from hpt_lessons.analysis.importance.gains import Gain, gains
from hpt_lessons.analysis.importance.shares import Importance, Share, good_region, shares

__all__ = ["AdaptiveWarning", "Gain", "Importance", "Share", "adaptively_chosen", "gains", "good_region", "shares"]
