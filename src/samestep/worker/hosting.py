"""What every task of a worker needs: its plan, its event file, and script and shim at hand."""

import contextlib
import importlib.util
import json
import platform
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

# Beside the worker, which is run as a program.
import own_process  # type: ignore[import-not-found]

SCRIPT = "samestep_script"


class Events:
    """The event file: each line is on disk as soon as it is said."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115

    def say(self, event: str, **facts: Any) -> None:
        """Write one event."""
        self.write([{"event": event, **facts}])

    def write(self, events: list[dict[str, Any]]) -> None:
        """Write several events at once."""
        self._file.writelines(json.dumps(event) + "\n" for event in events)
        self._file.flush()


class Plan:
    """What the worker needs of a plan directory: its facts, and its arrays by name."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        with open(self._folder / "plan.toml", "rb") as file:
            self._content = tomllib.load(file)
        self.schedule = {key: self._content[key] for key in ("batch_size", "shuffle", "last_batch")}
        self.epochs: int = self._content["epochs"]
        self.classes: int = self._content["classes"]
        self.proof_test_rows: int = self._content["proof_test_rows"]

    def array(self, name: str) -> np.ndarray:
        """One array, mapped from its file; what is written to it stays in this process."""
        entry = self._content["arrays"][name]
        path, dtype, shape = self._folder / entry["file"], entry["dtype"], tuple(entry["shape"])
        return np.asarray(np.memmap(path, dtype=dtype, mode="c", shape=shape))

    def weights(self) -> dict[str, np.ndarray]:
        """The initial weights and state by name, in the model's order."""
        names = [name for name in self._content["arrays"] if name.startswith("weights/")]
        return {name.removeprefix("weights/"): self.array(name) for name in names}


class Stage:
    """Which part of the task runs now, so that an error can say where it happened."""

    name = "import"

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[list[float]]:
        """Run a stage; the list holds its seconds once it has ended."""
        self.name = name
        seconds: list[float] = []
        start = time.perf_counter()
        yield seconds
        seconds.append(time.perf_counter() - start)


def load_framework(
    job: dict[str, str], plan: Plan, precision: str, events: Events, stage: Stage
) -> tuple[ModuleType, ModuleType]:
    """Import shim, framework and script, and set threads, precision and device."""
    row_shape = plan.array("x_train").shape[1:]
    with stage.timed("import") as seconds:
        shim = load_module("samestep_shim", job["shim"])
        shim.row_shape = row_shape  # type: ignore[attr-defined]
        shim.configure(int(job["threads"]), precision, job["device"])
        script = load_module(SCRIPT, job["script"])
    events.say(
        "ready",
        versions=shim.version(),
        import_seconds=seconds[0],
        runtime=f"{platform.python_implementation()} {platform.python_version()}",
        blas_kernel=own_process.blas_kernel(),
    )
    return script, shim


def load_module(name: str, path: str) -> ModuleType:
    """Import a file as a module; its main part does not run.

    It is compiled from its source: Python takes cached bytecode for a file of the same size and
    the same second, which may be another script.
    """
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    exec(compile(Path(path).read_bytes(), path, "exec"), module.__dict__)
    return module
