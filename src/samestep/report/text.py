"""Text from strangers, made safe for a terminal."""

import unicodedata
from collections.abc import Callable

# Control, format (such as right-to-left overrides), surrogate and private characters,
# line and paragraph separators: none of them has anything to say in a title or a path.
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def visible(text: str) -> str:
    r"""Write what a terminal would obey or hide as an escape.

    >>> print(visible("a\x1b[31mb"))
    a\x1b[31mb
    """
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in HIDDEN
        else character
        for character in text
    )


def number_text(value: float) -> str:
    """About three significant digits, never with an exponent above the point.

    >>> [number_text(value) for value in (0.00123, 1.239, 45.67, 6499.6)]
    ['0.00123', '1.24', '45.7', '6,500']
    """
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"


def interval_text(
    value: float, low: float | None, high: float | None, show: Callable[[float], str]
) -> str:
    """A value and its interval, if there is one.

    >>> interval_text(2.0, 1.5, 2.5, number_text), interval_text(2.0, None, None, number_text)
    ('2.00 [1.50, 2.50]', '2.00')
    """
    if low is None or high is None:
        return show(value)
    return f"{show(value)} [{show(low)}, {show(high)}]"


def bytes_text(size: float | None) -> str:
    """A size in MiB or GiB.

    >>> bytes_text(3 * 2**20)
    '3 MiB'
    """
    if size is None:
        return "-"
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
