import pytest

from samestep.blas import WIDE_KERNELS, kernel_warning

AVX2 = {"sse4_2", "avx", "avx2", "fma"}
AVX512 = AVX2 | {"avx512f"}


@pytest.mark.parametrize(("flags", "better"), [(AVX2, "Haswell"), (AVX512, "SkylakeX")])
@pytest.mark.parametrize("kernel", ["Prescott", "Nehalem", "Sandybridge", "Core2", "Barcelona"])
def test_kernels_of_an_older_processor_are_warned_of(
    kernel: str, flags: set[str], better: str
) -> None:
    assert kernel_warning(kernel, flags) == (
        f"its OpenBLAS does not know this processor and uses the slower {kernel} kernels; "
        f"set OPENBLAS_CORETYPE={better} in the environment for a fair race"
    )


@pytest.mark.parametrize("flags", [AVX2, AVX512])
@pytest.mark.parametrize("kernel", ["Haswell", "Zen", "SkylakeX", "SKYLAKEX", "zen"])
def test_wide_kernels_are_not(kernel: str, flags: set[str]) -> None:
    assert kernel_warning(kernel, flags) is None


def test_the_advice_is_never_warned_of() -> None:
    assert {"Haswell", "SkylakeX"} <= WIDE_KERNELS


def test_another_library_has_no_kernel_to_warn_of() -> None:
    assert kernel_warning("", AVX512) is None


@pytest.mark.parametrize("flags", [set(), {"sse4_2", "avx"}, AVX2 - {"fma"}, AVX2 - {"avx2"}])
def test_a_processor_without_avx2_loses_nothing(flags: set[str]) -> None:
    assert kernel_warning("Prescott", flags) is None
