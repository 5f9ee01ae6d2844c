"""Prove that a script does what its experiment says: run it in a worker, judge, remember."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import jinja2
import numpy as np
from platformdirs import user_cache_path
from pydantic import ValidationError

from samestep import codegen
from samestep.audit import AuditBatches
from samestep.catalogue import Framework
from samestep.dropout import has_dropout
from samestep.errors import cache_not_written
from samestep.ladder import judge
from samestep.launch import Outcome, Settings, run_worker
from samestep.plan import Plan
from samestep.proof_record import FrameworkProof
from samestep.proof_scripts import Sources, render_scripts
from samestep.rungs import Observation
from samestep.side_by_side import side_by_side

PROOF_TIMEOUT = 600.0

OnProgress = Callable[[str, str], None]

_SOURCES = (
    *("reference/*.py", "traps/*.py", "audit.py", "dropout.py"),
    *("yardstick.py", "rungs.py", "ladder.py"),
    *("proof.py", "proof_record.py", "proof_scripts.py", "placing.py"),
    *("worker/*.py", "worker/*.jl", "launch.py", "plan.py"),
)
"""Our own part in a proof: a change in any of these makes every saved proof void."""


def prove(
    plan: Plan,
    framework: Framework,
    *,
    timeout: float = PROOF_TIMEOUT,
    cache: bool = True,
    stop: Event | None = None,
) -> FrameworkProof:
    """The proof of one framework, remembered by everything that it rests on."""
    reason = framework.refusal(plan.experiment)
    if reason is not None:
        return FrameworkProof(verdict="unsupported", message=reason)
    try:
        sources = render_scripts(framework, plan)
    except codegen.Unsupported as error:
        return FrameworkProof(verdict="unsupported", message=str(error))
    except jinja2.TemplateError as error:
        return FrameworkProof(verdict="failed", stage="code", message=f"the template: {error}")
    key = proof_key(plan, framework, sources)
    saved = load_proof(key) if cache else None
    if saved is not None:
        return saved
    proof = _run(plan, framework, sources, timeout, stop).model_copy(update={"key": key})
    # A failure may be the machine's (memory, time), so the next proof tries again.
    if cache and proof.verdict != "failed":
        save_proof(proof)
    return proof


def prove_all(
    plan: Plan,
    frameworks: Sequence[Framework],
    *,
    jobs: int | None = None,
    timeout: float = PROOF_TIMEOUT,
    cache: bool = True,
    on_progress: OnProgress | None = None,
) -> dict[str, FrameworkProof]:
    """All proofs, in the order of the frameworks; at most `jobs` at a time.

    `on_progress` is told each framework's name with "proving" and then its verdict, from
    the threads that prove.
    """
    tell = on_progress or (lambda name, state: None)
    proofs: dict[str, FrameworkProof] = {}

    def one(framework: Framework, stop: Event) -> FrameworkProof:
        tell(framework.name, "proving")
        proof = prove(plan, framework, timeout=timeout, cache=cache, stop=stop)
        tell(framework.name, proof.verdict)
        return proof

    def note(framework: Framework, proof: FrameworkProof) -> None:
        proofs[framework.name] = proof

    side_by_side(one, frameworks, note, jobs)
    return {framework.name: proofs[framework.name] for framework in frameworks}


def write_script(plan: Plan, framework: Framework, source: str) -> Path:
    """Put a script into the plan's folder, under its digest; raise BadInput if that is full."""
    name = hashlib.sha256(source.encode()).hexdigest()[:16]
    suffix = codegen.language_of(framework).suffix
    script = plan.folder / "scripts" / framework.name / f"{name}{suffix}"
    try:
        _write_whole(script, source)
    except OSError as error:
        raise cache_not_written(script.parent, "the script", error.strerror) from None
    return script


def proof_key(plan: Plan, framework: Framework, sources: Sources) -> str:
    """SHA-256 over the scripts, the shim, the plan, the versions and our own part."""
    parts = [repr(sources).encode(), framework.shim.read_bytes(), plan.digest.encode()]
    parts.append(framework.place.fingerprint().encode())
    parts.append(repr(sorted(framework.entry.environment.items())).encode())
    own = Path(__file__).parent
    parts += [file.read_bytes() for name in _SOURCES for file in sorted(own.glob(name))]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def load_proof(key: str) -> FrameworkProof | None:
    """A saved proof; None if there is none or it can't be read."""
    try:
        proof = FrameworkProof.model_validate_json(_proof_file(key).read_bytes())
    except (OSError, ValidationError):
        return None
    return proof if proof.key == key else None


def save_proof(proof: FrameworkProof) -> None:
    """Save a proof under its key; a cache that can't be written is no reason to fail."""
    try:
        _write_whole(_proof_file(proof.key), proof.model_dump_json(indent=1))
    except OSError:
        return


def _proof_file(key: str) -> Path:
    return user_cache_path("samestep") / "proofs" / f"{key}.json"


def _write_whole(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=".draft-")
    try:
        with open(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(draft, file)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _run(
    plan: Plan, framework: Framework, sources: Sources, timeout: float, stop: Event | None
) -> FrameworkProof:
    settings = Settings(threads=1, precision="float64", device="cpu", cpus=(), timeout=timeout)
    script, ladder, audit = (
        write_script(plan, framework, source).resolve()
        for source in (sources.raced, sources.ladder, sources.audit)
    )
    with tempfile.TemporaryDirectory(prefix="samestep-proof-") as folder:
        output = Path(folder).resolve()
        outcome = run_worker(
            *(framework, "proof", plan, script, settings, stop),
            output=output,
            ladder_script=ladder,
            audit_script=audit,
            audit_rows=sources.audit_rows,
            dropout=int(has_dropout(plan)),
        )
        if outcome.status != "done":
            return FrameworkProof(
                verdict="failed", stage=outcome.stage, message=outcome.message or outcome.status
            )
        try:
            observation = read_observation(outcome, output)
        except (KeyError, TypeError, ValueError, OSError) as error:
            message = f"the worker's output cannot be read: {type(error).__name__}: {error}"
            return FrameworkProof(verdict="failed", stage="output", message=message)
    ready = outcome.find("ready") or {}
    versions = {str(name): str(version) for name, version in ready.get("versions", {}).items()}
    return judge(plan, observation).model_copy(update={"versions": versions})


def read_observation(outcome: Outcome, folder: Path) -> Observation:
    """The events and arrays of a worker that ended well; raise if anything is missing."""
    arrays: dict[str, dict[str, np.ndarray[Any, np.dtype[np.float64]]]] = {}
    dtypes: dict[str, str] = {}
    values: dict[str, Any] = {}
    for event in outcome.events:
        if event["event"] == "value":
            values[event["name"]] = event["value"]
        elif event["event"] == "array":
            flat = np.fromfile(folder / Path(event["file"]).name, dtype="<f8")
            rung, _, name = event["name"].partition("/")
            arrays.setdefault(rung, {})[name] = flat.reshape(event["shape"]).astype(np.float64)
            dtypes[event["name"]] = event["dtype"]
    audit = outcome.find("audit")
    if audit is None:
        raise ValueError("there is no audit")
    return Observation(
        logits=arrays["logits"][""],
        loss=float(values["loss"]),
        accuracy=float(values["accuracy"]),
        gradient=arrays.get("gradient", {}),
        step=arrays.get("step", {}),
        trajectory=arrays.get("trajectory", {}),
        losses=[float(loss) for loss in values["trajectory_losses"]],
        trained_loss=float(values["trained_loss"]),
        dropout_gradient=arrays.get("dropout"),
        rounding=str(values.get("rounding", "")),
        rounded_logits=arrays.get("rounded_logits", {}).get(""),
        audit=AuditBatches(
            *(audit["batches"], audit["wrong_labels"], audit["unknown_rows"], audit["rows"]),
            again=audit["again"],
        ),
        dtypes=dtypes,
    )
