"""One training run in every framework's own code, proved to be the same, and raced fairly."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samestep.api import code as code
    from samestep.api import load as load
    from samestep.api import prove as prove
    from samestep.api import race as race
    from samestep.api import resume as resume
    from samestep.result import Result as Result
    from samestep.result import load_result as load_result

__all__ = ["Result", "code", "load", "load_result", "prove", "race", "resume"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import samestep` costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from samestep import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return __all__
