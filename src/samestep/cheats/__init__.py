"""Negative controls: unfairnesses that are planted in real scripts, and must be caught."""

from samestep.cheats import feeding, model, training
from samestep.cheats.cheat import Catcher, Cheat, Planting

__all__ = ["CHEATS", "Catcher", "Cheat", "Planting"]

CHEATS: tuple[Cheat, ...] = (*feeding.CHEATS, *training.CHEATS, *model.CHEATS)
"""All that is planted."""
