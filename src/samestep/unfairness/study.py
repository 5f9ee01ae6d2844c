"""The 2019 study itself: its network and data, its libraries, and its reviewer's re-run.

What is known of it stands in the text of `iris-mlp`; what it left open is the same for all there,
and each point of the critique takes that away again.
"""

from collections.abc import Sequence

from samestep.experiment import Experiment
from samestep.experiment_file import load_experiment
from samestep.unfairness.points import POINTS, TOO_SMALL, Point

NAME = "study-2019"
EXPERIMENT = "iris-mlp"
FRAMEWORKS = ("keras-tensorflow", "knet", "flux")
RERUN = "fashion-cnn"
TIMED_EPOCHS = 2
"""Of the re-run: the first, and one that is steady."""


def study_points(*, small: bool = False) -> Sequence[Point]:
    """Those of the critique; the last is the re-run, a quick one of it if `small`."""
    rerun = load_experiment(RERUN, small=small)

    def on_images(experiment: Experiment) -> Experiment:
        return rerun

    images = Point(
        f"{rerun.title}, for both", TOO_SMALL, change=on_images, both=True, epochs=TIMED_EPOCHS
    )
    return (*POINTS, images)
