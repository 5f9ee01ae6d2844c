"""Whether a linear algebra library uses the processor that it runs on.

An OpenBLAS that is older than the processor falls back on the kernels of an old one, at half
speed or less, and says nothing: a framework then loses a race by its distribution's age.
"""

WIDE_KERNELS = {
    *("Haswell", "Zen", "SkylakeX", "Cooperlake", "Sapphirerapids", "Excavator"),
}
"""OpenBLAS's names for kernels with 256-bit fused multiply-add or more."""


def kernel_warning(kernel: str, flags: set[str]) -> str | None:
    """A sentence if OpenBLAS's kernels use less than the processor has; None if they do not.

    `kernel` is what `openblas_get_corename` gives, `flags` the processor's own.

    >>> kernel_warning("Zen", {"avx2", "fma"}) is None
    True
    """
    names = {name.lower() for name in WIDE_KERNELS}
    if not kernel or kernel.lower() in names or not {"avx2", "fma"} <= flags:
        return None
    better = "SkylakeX" if "avx512f" in flags else "Haswell"
    return (
        f"its OpenBLAS does not know this processor and uses the slower {kernel} kernels; "
        f"set OPENBLAS_CORETYPE={better} in the environment for a fair race"
    )
