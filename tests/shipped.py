"""The frameworks as parameters of a test: with marks for what they need, skipped without it."""

import pytest

from samestep.catalogue import Framework, find_frameworks

SHIPPED = find_frameworks()
PACKAGES = {"Flux": pytest.mark.flux, "Knet": pytest.mark.knet}


def marks_of(name: str) -> list[pytest.MarkDecorator]:
    """What a test needs that runs the framework: `-m "not julia"` leaves out all of Julia's."""
    framework = SHIPPED[name]
    if framework.language == "python":
        return [pytest.mark.frameworks]
    named = [package.name for package in framework.entry.packages]
    packages = [mark for name, mark in PACKAGES.items() if name in named]
    return [pytest.mark.frameworks, pytest.mark.julia, *packages]


EVERY_FRAMEWORK = [pytest.param(name, marks=marks_of(name)) for name in SHIPPED]


def installed(name: str) -> Framework:
    """The framework; the test is skipped, with what to do about it, if it cannot run here."""
    framework = SHIPPED[name]
    problem = framework.place.problem()
    if problem is not None:
        pytest.skip(f"{name}: {problem}; to get it: {framework.place.how_to_get()}")
    return framework
