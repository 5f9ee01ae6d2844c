"""Durations and shares as people write them on a command line."""

import re
from collections.abc import Mapping
from typing import TypeVar

from samestep.errors import BadInput

Choice = TypeVar("Choice")

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
LONGEST = 30 * 24 * 3600.0


def parse_duration(text: str, option: str) -> float:
    """Seconds of `90s`, `10m` or `1h30m`; a bare number is seconds.

    >>> [parse_duration(text, "--budget") for text in ("90", "1.5m", "1h30m")]
    [90.0, 90.0, 5400.0]
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", text)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text)
    elif "".join(number + unit for number, unit in parts) == text and parts:
        seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    else:
        raise BadInput(f"{option} {text}: is no duration; write it as 90s, 10m or 1h30m")
    if not 0 < seconds <= LONGEST:
        raise BadInput(f"{option} {text}: must be more than 0 and at most 30 days")
    return seconds


def parse_share(text: str, option: str, *, none: bool = False) -> float:
    """A share of `2%` or `0.02`, below 1 and more than 0, or 0 too where `none` of it is allowed.

    >>> parse_share("2%", "--precision"), parse_share("0.5", "--precision")
    (0.02, 0.5)
    >>> parse_share("0", "--tolerance", none=True)
    0.0
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)(%?)", text)
    if match is None:
        raise BadInput(f"{option} {text}: is no share; write it as 2% or 0.02")
    share = float(match[1]) / (100 if match[2] else 1)
    if not (0 < share < 1 or (none and share == 0)):
        least = "0% or more" if none else "more than 0%"
        raise BadInput(f"{option} {text}: must be {least} and less than 100%")
    return share


def parse_sizes(text: str, option: str) -> list[int]:
    """Whole numbers between commas.

    >>> parse_sizes("8,64", "--sizes")
    [8, 64]
    """
    if not re.fullmatch(r"\d{1,9}(,\d{1,9})*", text):
        raise BadInput(f"{option} {text}: write it as whole numbers between commas, such as 8,64")
    return [int(part) for part in text.split(",")]


def one_of(text: str, known: Mapping[str, Choice], option: str) -> Choice:
    """What a word stands for; raise BadInput with the words there are."""
    if text not in known:
        raise BadInput(f"{option} {text}: must be one of {', '.join(known)}")
    return known[text]
