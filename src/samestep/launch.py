"""Start, pin, watch, time-limit and end one worker process."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from samestep.catalogue import Framework
from samestep.errors import BadInput
from samestep.plan import Plan

Status = Literal["done", "failed", "timeout", "killed"]
Task = Literal["trial", "proof", "curve"]
Event = dict[str, Any]

WORKERS = {
    "python": Path(__file__).with_name("worker") / "worker.py",
    "julia": Path(__file__).with_name("worker") / "worker.jl",
}

TIMEOUT = 3600.0
POLL_SECONDS = 0.1
MAX_LOG_BYTES = 16 * 2**20
MAX_EVENT_BYTES = 512 * 2**20
READ_BLOCK = 512
"""Bytes of a block as getrusage(2) counts them."""
TAIL_BYTES = 16 * 2**10
TAIL_LINES = 3
MAX_MESSAGE = 500

STAGES = {"ready": "prepare", "prepared": "build", "built": "train", "epoch": "train"}
"""What a worker does after each event; before the first it imports its framework."""


class Interrupted(Exception):
    """The worker was told to stop, and has ended."""


@dataclass(frozen=True)
class Settings:
    """How a worker runs: the same for every framework in a race."""

    threads: int
    precision: str
    device: str = "cpu"
    cpus: tuple[int, ...] = ()
    timeout: float = TIMEOUT


@dataclass(frozen=True)
class Outcome:
    """How a worker ended, what it said, and what it cost."""

    status: Status
    stage: str
    message: str
    events: list[Event] = field(repr=False)
    cpu_seconds: float
    wall_seconds: float
    started: float
    """When its process began, by `time.monotonic`."""
    exit_code: int
    read_bytes: int = 0
    """From storage, not from the system's memory, where the system tells."""

    def find(self, name: str) -> Event | None:
        """The last event of that name."""
        return next((event for event in reversed(self.events) if event["event"] == name), None)


def usable_cpus() -> list[int]:
    """The processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def choose_settings(
    precision: str, threads: int | None = None, timeout: float = TIMEOUT
) -> Settings:
    """Settings on the first `threads` usable processors, all of them by default."""
    usable = usable_cpus()
    wanted = len(usable) if threads is None else threads
    if not 1 <= wanted <= len(usable):
        raise BadInput(
            f"--threads {wanted}: this machine has {len(usable)} usable cores; "
            f"give a number from 1 to {len(usable)}"
        )
    if not timeout > 0:
        raise BadInput(f"--timeout {timeout}: must be more than 0 seconds")
    return Settings(wanted, precision, "cpu", tuple(usable[:wanted]), timeout)


def run_worker(
    framework: Framework,
    task: Task,
    plan: Plan,
    script: Path,
    settings: Settings,
    stop: threading.Event | None = None,
    **facts: object,
) -> Outcome:
    """Run one worker to its end, whatever that is; no process of its own outlives this call.

    `facts` are what the task needs besides, such as the folder for a proof's output. Another
    thread may set `stop`, which ends the worker and raises Interrupted.
    """
    with tempfile.TemporaryDirectory(prefix="samestep-") as name:
        folder = Path(name)
        command = _command(framework, task, plan, script, settings, folder / "events", facts)
        started = time.monotonic()
        with open(folder / "log", "ab") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=worker_environment(framework, settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        reader = _EventReader(folder / "events")
        try:
            deadline = started + settings.timeout
            stopped = _watch(process.pid, reader, folder / "log", deadline, stop)
        finally:
            exit_code, cpu_seconds, read_bytes = _end(process)
        wall_seconds = time.monotonic() - started
        reader.read()
        log_lines = _tail(folder / "log")
    status, stage, message = _judge(reader, exit_code, stopped, settings, log_lines)
    return Outcome(
        *(status, stage, message, reader.events),
        cpu_seconds=cpu_seconds,
        read_bytes=read_bytes,
        wall_seconds=wall_seconds,
        started=started,
        exit_code=exit_code,
    )


def _command(
    framework: Framework,
    task: str,
    plan: Plan,
    script: Path,
    settings: Settings,
    events: Path,
    more: Mapping[str, object],
) -> list[str]:
    facts = {
        "plan": plan.folder.resolve(),
        "script": script.resolve(),
        "shim": framework.shim.resolve(),
        "events": events,
        "threads": settings.threads,
        "precision": settings.precision,
        "device": settings.device,
        "cpus": ",".join(map(str, settings.cpus)),
        "parent": os.getpid(),
        **more,
    }
    worker = WORKERS[framework.language]
    words = [f"{key}={value}" for key, value in facts.items()]
    return [*framework.place.command(), str(worker), task, *words]


def worker_environment(framework: Framework, settings: Settings) -> dict[str, str]:
    """The environment of a worker: thread pools and device set alike in every framework."""
    environment = dict(os.environ) | pool_variables(settings.threads)
    environment["TF_CPP_MIN_LOG_LEVEL"] = "2"
    # What one run has compiled must not be there for the next, whatever the user's settings say.
    environment["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    if settings.device == "cpu":
        environment |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    return environment | framework.place.variables(settings.threads) | framework.entry.environment


def pool_variables(threads: int) -> dict[str, str]:
    """What sizes the thread pools of linear algebra, of XLA and of TensorFlow."""
    names = [f"{pool}_NUM_THREADS" for pool in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")]
    names += ["VECLIB_MAXIMUM_THREADS", "NPROC", "TF_NUM_INTRAOP_THREADS"]
    return dict.fromkeys(names, str(threads))


def _watch(
    pid: int, reader: "_EventReader", log: Path, deadline: float, stop: threading.Event | None
) -> Literal["timeout", "garbage"] | None:
    """Wait until the worker has ended, or say why it must end."""
    while not _has_ended(pid):
        if stop is not None and stop.is_set():
            raise Interrupted
        reader.read()
        if reader.problem:
            return "garbage"
        # A worker that prints without end must not fill the disk; the newest lines matter.
        if log.stat().st_size > MAX_LOG_BYTES:
            os.truncate(log, 0)
        left = deadline - time.monotonic()
        if left <= 0:
            return "timeout"
        time.sleep(min(POLL_SECONDS, left))
    return None


def _has_ended(pid: int) -> bool:
    # WNOWAIT leaves the process unreaped, so that its number cannot pass to another
    # process before its group is killed.
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(process: subprocess.Popen[bytes]) -> tuple[int, float, int]:
    """Kill the worker's whole group, reap it: its exit code, CPU seconds, and bytes read."""
    _kill_group(process.pid)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu_seconds, read_bytes = usage.ru_utime + usage.ru_stime, usage.ru_inblock * READ_BLOCK
    return process.returncode, cpu_seconds, read_bytes


def _kill_group(pid: int) -> None:
    # Nobody may be left in the group, or only the unreaped worker itself.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


class _EventReader:
    """Reads the JSON lines that a worker appends, as they come."""

    def __init__(self, file: Path) -> None:
        self.events: list[Event] = []
        self.problem = ""
        self._file = file
        self._position = 0
        self._rest = b""

    def read(self) -> None:
        """Take the lines that are new and whole."""
        try:
            size = self._file.stat().st_size
        except FileNotFoundError:
            return
        if size > MAX_EVENT_BYTES:
            self.problem = f"the worker wrote more than {MAX_EVENT_BYTES:,} bytes of events"
        if self.problem or size == self._position:
            return
        with open(self._file, "rb") as stream:
            stream.seek(self._position)
            *lines, self._rest = (self._rest + stream.read()).split(b"\n")
            self._position = stream.tell()
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict) or not isinstance(event.get("event"), str):
            self.problem = self.problem or f"the worker wrote no event but {line[:80]!r}"
            return
        self.events.append(event)


def _judge(
    reader: _EventReader,
    exit_code: int,
    stopped: Literal["timeout", "garbage"] | None,
    settings: Settings,
    log_lines: list[str],
) -> tuple[Status, str, str]:
    names = [event["event"] for event in reader.events]
    stage = next((STAGES[name] for name in reversed(names) if name in STAGES), "import")
    stage = "evaluate" if "trained" in names else stage
    error = next((event for event in reader.events if event["event"] == "error"), None)
    if stopped == "timeout":
        return "timeout", stage, f"not done after {settings.timeout:g} seconds"
    if error is not None:
        lines = str(error.get("message") or "error without a message").splitlines()
        message = lines[0][:MAX_MESSAGE] if lines else "error without a message"
        where = str(error.get("stage") or stage)
        if where == "import" and log_lines:
            # What failed to load or to precompile has said why on its own output.
            message = f"{message}: {' / '.join(_reason(log_lines))}"
        return "failed", where, message
    if stopped == "garbage" or (reader.problem and exit_code == 0):
        return "failed", stage, reader.problem
    said = f": {' / '.join(log_lines[-TAIL_LINES:])}" if log_lines else ""
    if exit_code < 0:
        return "killed", stage, f"the worker was ended by {_signal_name(-exit_code)}{said}"
    if exit_code > 0:
        return "failed", stage, f"the worker ended with status {exit_code}{said}"
    if "done" not in names:
        return "failed", stage, f"the worker ended before its work was done{said}"
    return "done", "done", ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _tail(log: Path) -> list[str]:
    with open(log, "rb") as stream:
        stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
        text = stream.read().decode("utf-8", errors="replace")
    lines = [line.strip()[:300] for line in text.splitlines()]
    return [line for line in lines if line]


def _reason(log_lines: list[str]) -> list[str]:
    """The lines that say what went wrong: the last error, or else the last lines of all."""
    starts = [place for place, line in enumerate(log_lines) if line.startswith("ERROR")]
    start = starts[-1] if starts else -TAIL_LINES
    return log_lines[start:][:TAIL_LINES]
