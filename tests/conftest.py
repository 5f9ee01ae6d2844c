"""What all tests share: a cache of their own, and experiments that are quick to write."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

EXPERIMENT = """\
title = "A test"
[data]
{data}
[[model]]
layer = "dense"
units = 5
activation = "relu"
[[model]]
layer = "dense"
units = {classes}
[training]
loss = "cross_entropy"
optimizer = {{ name = "sgd", learning_rate = 0.1 }}
batch_size = 4
epochs = 2
shuffle = "each_epoch"
last_batch = "keep"
precision = "float32"
seed = 0
"""
IRIS = 'name = "iris"\ntest = 45'

WriteExperiment = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Plans and proofs of the tests go to a cache that nobody else reads."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.delenv("SAMESTEP_PATH", raising=False)
        yield folder


@pytest.fixture
def write_experiment(tmp_path: Path) -> WriteExperiment:
    """Write an experiment on Iris, or on the data given, with replacements (old, new)."""

    def write(*replacements: tuple[str, str], data: str = IRIS, classes: int = 3) -> Path:
        text = EXPERIMENT.format(data=data, classes=classes)
        for old, new in replacements:
            assert old in text, f"{old!r} is not in the experiment"
            text = text.replace(old, new)
        path = tmp_path / "experiment.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
