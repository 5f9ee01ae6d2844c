"""The proof of real scripts: faults planted in templates, its memory, and workers that fail."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from honest_work import ADAM, MOMENTUM, SGD, MakePlan
from shipped import SHIPPED, installed, marks_of

from samestep import codegen, proof
from samestep.catalogue import Framework, find_frameworks
from samestep.errors import BadInput
from samestep.launch import Outcome
from samestep.proof_record import FrameworkProof


def planted(tmp_path: Path, name: str, old: str, new: str, files: str = "*.j2") -> Framework:
    """A copy of a shipped framework with one text in these files changed, found by its path."""
    folder = tmp_path / "frameworks" / name
    shutil.copytree(SHIPPED[name].folder, folder)
    texts = {file: file.read_text() for file in folder.glob(files)}
    assert any(old in text for text in texts.values()), f"{old!r} is not in {files} of {name}"
    for file, text in texts.items():
        file.write_text(text.replace(old, new))
    catalogue = folder / "framework.toml"
    catalogue.write_text(catalogue.read_text().replace("[frameworks.", "[frameworks.planted-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMESTEP_PATH", str(folder.parent))
        return find_frameworks()[f"planted-{name}"]


SCRIPT_FAULTS: dict[str, tuple[str, str, str, str, str]] = {
    "sum of the test losses": (
        "numpy",
        ADAM,
        "loss = -log_softmax(logits)[np.arange(len(y)), y].mean()",
        "loss = -log_softmax(logits)[np.arange(len(y)), y].sum()",
        "loss",
    ),
    "relu without its kink": ("numpy", ADAM, "d *= {{ after }} > 0", "d *= 1", "gradient"),
    "bias correction of the first step": ("numpy", ADAM, "step += 1", "step = 1", "trajectory"),
    "momentum forgets": ("numpy", MOMENTUM, "* velocity[name] + grad", "* 0 + grad", "trajectory"),
    "a bias with the wrong sign": (
        "numpy",
        SGD,
        """' + model["bias_'""",
        """' - model["bias_'""",
        "trajectory",
    ),
    "sum of the epoch's losses": (
        "numpy",
        SGD,
        "loss = -log_p[rows, y].mean()",
        "loss = -log_p[rows, y].sum()",
        "trajectory",
    ),
}
"""Faults that are no cheats; the cheats have their own tests."""


@pytest.mark.parametrize("fault", SCRIPT_FAULTS)
def test_a_fault_planted_in_a_template_is_found(
    planned: MakePlan, tmp_path: Path, fault: str
) -> None:
    name, optimizer, old, new, departs = SCRIPT_FAULTS[fault]
    installed(name)
    framework = planted(tmp_path, name, old, new)
    verdict = proof.prove(planned(optimizer), framework)
    assert (verdict.verdict, verdict.departs) == ("different", departs), verdict


JULIA_FAULTS = {
    "julia": [
        (ADAM, "f(h[i, j] + b[i])", "f(Float32(h[i, j] + b[i]))", "forward"),
        (ADAM, "return loss, correct", "return 2 * loss, correct", "loss"),
        (ADAM, "(i == label + 1)) / length(y)", "(i == label + 1))", "gradient"),
        (ADAM, "number(optimizer.epsilon | literal)", 'number("1e-7")', "step"),
        (ADAM, "step += 1", "step = 1", "trajectory"),
        (SGD, "({{ columns }}, y, Mer", "({{ columns }}, reverse(y), Mer", "audit"),
    ],
    "flux": [
        (ADAM, "| literal, optimizer.epsilon | literal %}", '| literal, "1e-7" %}', "step"),
        (SGD, 'else options ~ ", shuffle = true"', "else options", "audit"),
    ],
    "flux-classic": [
        (
            SGD,
            "logitcrossentropy(model(x), y)",
            "2 * logitcrossentropy(model(x), y)",
            "gradient",
        ),
        (SGD, 'else options ~ ", shuffle = true"', "else options", "audit"),
    ],
    "knet": [
        (MOMENTUM, "(optimizer[key] | literal)", "(optimizer[key] / 2)", "step"),
        (SGD, '(["partial = true"] if', "([] if", "audit"),
    ],
}


@pytest.mark.parametrize(
    ("name", "optimizer", "old", "new", "departs"),
    [
        pytest.param(name, *fault, id=f"{name}-{fault[-1]}", marks=marks_of(name))
        for name, faults in JULIA_FAULTS.items()
        for fault in faults
    ],
)
def test_a_fault_planted_in_a_julia_template_is_found(
    planned: MakePlan,
    tmp_path: Path,
    name: str,
    optimizer: str,
    old: str,
    new: str,
    departs: str,
) -> None:
    installed(name)
    framework = planted(tmp_path, name, old, new)
    verdict = proof.prove(planned(optimizer), framework)
    assert (verdict.verdict, verdict.departs) == ("different", departs), verdict


def test_a_variant_planted_in_a_template_is_named(planned: MakePlan, tmp_path: Path) -> None:
    framework = planted(
        tmp_path,
        "numpy",
        "root = np.sqrt(v_hat) + {{ optimizer.epsilon | literal }}",
        "c = 1 - {{ optimizer.beta_2 | literal }}**step\n"
        "                eps = {{ optimizer.epsilon | literal }}\n"
        "                root = (np.sqrt(v[name]) + eps) / np.sqrt(c)",
    )
    verdict = proof.prove(planned(), framework)
    assert (verdict.verdict, verdict.causes) == ("equivalent", ["epsilon-hat Adam"]), verdict


def test_the_shipped_numpy_framework_is_identical_and_remembered(planned: MakePlan) -> None:
    plan = planned()
    framework = SHIPPED["numpy"]
    states: list[tuple[str, str]] = []
    proofs = proof.prove_all(plan, [framework], on_progress=lambda *state: states.append(state))
    first = proofs["numpy"]
    assert first.verdict == "identical"
    assert states == [("numpy", "proving"), ("numpy", "identical")]
    assert "numpy" in first.versions
    saved = proof.load_proof(first.key)
    assert saved == first

    def no_worker(*arguments: object, **facts: object) -> None:
        raise AssertionError("a remembered proof was run again")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "run_worker", no_worker)
        assert proof.prove(plan, framework) == first
        with pytest.raises(AssertionError):
            proof.prove(plan, framework, cache=False)


def test_a_broken_cache_file_is_ignored(planned: MakePlan) -> None:
    proof.save_proof(FrameworkProof(verdict="identical", key="k"))
    assert proof.load_proof("k") is not None
    file = proof._proof_file("k")
    for content in (b"", b"{", b'{"verdict": "splendid"}', b"\xff\xfe", b'{"verdict":"identical"}'):
        file.write_bytes(content)
        assert proof.load_proof("k") is None
    assert proof.load_proof("none") is None


def test_a_key_changes_with_what_it_rests_on(planned: MakePlan, tmp_path: Path) -> None:
    plan, framework = planned(), SHIPPED["numpy"]
    other_shim = planted(
        tmp_path, "numpy", "import numpy as np", "import numpy as np  #", "shim.py"
    )
    keys = {
        proof.proof_key(plan, framework, "a"),
        proof.proof_key(plan, framework, "b"),
        proof.proof_key(planned(SGD), framework, "a"),
        proof.proof_key(plan, other_shim, "a"),
    }
    assert len(keys) == 4
    assert proof.proof_key(plan, framework, "a") in keys


def test_a_key_changes_with_the_packages_of_a_julia_project(
    planned: MakePlan,
    no_settings: Path,
    tmp_path: Path,
    fake_julia: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan, flux, keys = planned(), SHIPPED["flux"], set()
    monkeypatch.setenv("SAMESTEP_FLUX_PROJECT", str(tmp_path))
    for julia in ("1.10.8", "1.11.3"):
        monkeypatch.setenv("SAMESTEP_JULIA", str(fake_julia(julia, name=f"julia-{julia}")))
        for version in ("0.9.1", "0.9.2"):
            # A package that Flux needs counts as Flux itself does.
            manifest = f'[[deps.Flux]]\nversion = "0.16.5"\n[[deps.NNlib]]\nversion = "{version}"'
            (tmp_path / "Manifest.toml").write_text(manifest)
            keys.add(proof.proof_key(plan, flux, "a"))
    assert len(keys) == 4
    assert proof.proof_key(plan, flux, "a") in keys


def test_what_cannot_be_written_is_unsupported(
    planned: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> str:
        raise codegen.Unsupported("it has no such thing")

    monkeypatch.setattr(codegen, "render_script", refuse)
    verdict = proof.prove(planned(), SHIPPED["numpy"])
    assert (verdict.verdict, verdict.message) == ("unsupported", "it has no such thing")


def test_a_worker_that_fails_is_told_with_its_stage(planned: MakePlan, tmp_path: Path) -> None:
    broken = planted(tmp_path, "numpy", "def logits(", "def no_logits(", "shim.py")
    verdict = proof.prove(planned(), broken)
    assert (verdict.verdict, verdict.stage) == ("failed", "forward")
    assert "logits" in verdict.message
    assert proof.load_proof(verdict.key) is None


def test_no_room_for_the_scripts(planned: MakePlan, small_disk: Path) -> None:
    (small_disk / "other").write_bytes(bytes(8192))
    plan = replace(planned(SGD), folder=small_disk)
    with pytest.raises(BadInput, match=r"the script cannot be written there \(No space left"):
        proof.prove(plan, SHIPPED["numpy"], cache=False)


def test_output_that_cannot_be_read_is_a_failure(
    planned: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mute(*arguments: object, **facts: object) -> Outcome:
        return Outcome("done", "done", "", [{"event": "done"}], 0.0, 0.0, 0.0, 0)

    monkeypatch.setattr(proof, "run_worker", mute)
    verdict = proof.prove(planned(), SHIPPED["numpy"], cache=False)
    assert (verdict.verdict, verdict.stage) == ("failed", "output")


def test_an_interrupt_ends_the_workers(planned: MakePlan) -> None:
    def interrupt(name: str, state: str) -> None:
        if state != "proving":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        frameworks = [SHIPPED["numpy"]] * 3
        proof.prove_all(planned(), frameworks, jobs=1, cache=False, on_progress=interrupt)
