import json
import math
from pathlib import Path

import pytest

from samestep import result as result_module
from samestep.errors import BadInput
from samestep.machine import Machine, describe_machine
from samestep.proof_record import FrameworkProof, Rung
from samestep.report.table import result_html, result_view
from samestep.result import (
    Epoch,
    Evaluation,
    RacedFramework,
    RaceSettings,
    Result,
    Seconds,
    Trial,
    check_writable,
    load_result,
    save_result,
)
from samestep.verdict import verdict_of

MACHINE = Machine(
    cpu="A [bold]CPU[/bold]", cores=2, usable_cores=2, memory_bytes=2**33, os="Linux",
    kernel="Linux 6", python="3.11", load_average=[0, 0, 0],
)  # fmt: skip


def make_trial(name: str, block: int, steady: float, outcome: str = "done") -> Trial:
    return Trial(
        framework=name,
        block=block,
        position=0,
        seconds=Seconds(
            **{"import": 1.0}, prepare=0.1, build=0.1, first_epoch=0.5, steady_epoch=steady
        ),
        epochs=[Epoch(seconds=0.5, loss=1.0), Epoch(seconds=steady, loss=0.5)],
        evaluation=Evaluation(loss=0.4, accuracy=0.9),
        peak_bytes=2**27,
        cpu_seconds=2.0,
        outcome=outcome,
        message=None if outcome == "done" else "it\x1b[31m broke",
    )


@pytest.fixture
def result() -> Result:
    proof = {
        "fast": FrameworkProof(verdict="identical"),
        "slow": FrameworkProof(verdict="equivalent", causes=["epsilon-hat Adam"]),
        "wrong": FrameworkProof(
            verdict="different",
            rungs=[Rung(name="step", error=math.inf, where="dense_1.kernel", passed=False)],
        ),
        "mute": FrameworkProof(verdict="unsupported", message="layer 'x' cannot be written"),
    }
    made = Result(
        title="A [red]title\x1b[2J",
        experiment={"title": "x"},
        digest="d",
        created="2026-01-01T00:00:00+00:00",
        machine=MACHINE,
        settings=RaceSettings(threads=2, device="cpu", precision="float32", seed=0, trials=3),
        frameworks={
            name: RacedFramework(title=name, version={}, language="python", runtime="")
            for name in proof
        },
        proof=proof,
        trials=[
            make_trial(name, block, seconds * (1 + block / 100))
            for block in range(3)
            for name, seconds in (("fast", 0.001), ("slow", 0.02))
        ],
        unfinished=False,
    )
    made.verdict = verdict_of(made)
    return made


def test_a_result_comes_back_as_it_was_saved(result, tmp_path):
    result.trials[0].epochs[1].loss = math.nan
    result.trials[0].outcome = "diverged"
    path = tmp_path / "new" / "r.json"
    save_result(result, path)
    content = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(name))
    assert content["schema"] == "samestep/1"
    assert content["trials"][0]["seconds"]["import"] == 1.0
    loaded = load_result(path)
    assert math.isnan(loaded.trials[0].epochs[1].loss)
    assert loaded.proof["wrong"].rungs[0].error == math.inf
    assert loaded.model_dump_json() == result.model_dump_json()
    assert [p.name for p in path.parent.iterdir()] == ["r.json"]


def test_a_save_that_fails_leaves_the_old_file(result, tmp_path, monkeypatch):
    path = tmp_path / "r.json"
    save_result(result, path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(result_module.os, "replace", full)
    with pytest.raises(BadInput, match="No space left"):
        save_result(result, path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no such file"),
        ("", "is not valid JSON"),
        ('{"schema": "samestep/1", ', "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("[]", "is not a samestep result"),
        ('{"a": 1}', "is not a samestep result"),
        ('{"schema": "samestep/9"}', "schema: is 'samestep/9', but 'samestep/1' is read here"),
        ('{"schema": ["x"]}', "schema: is"),
        ('{"schema": "samestep/1"}', "title: field required"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(text, said, tmp_path):
    path = tmp_path / "r.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadInput) as caught:
        load_result(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_binary_and_folders_are_refused(tmp_path):
    path = tmp_path / "r.json"
    path.write_bytes(b"\xff\xfe\x00")
    for bad in (path, tmp_path):
        with pytest.raises(BadInput):
            load_result(bad)


def test_a_place_that_cannot_be_written_is_known_before(tmp_path):
    check_writable(tmp_path / "new" / "r.json")
    file = tmp_path / "file"
    file.write_text("")
    for bad in (tmp_path, file / "r.json", Path("/proc/nowhere/r.json")):
        with pytest.raises(BadInput):
            check_writable(bad)


def test_a_place_without_rights(locked):
    with pytest.raises(BadInput, match=r"r\.json: cannot be written \(Permission denied\)"):
        check_writable(locked / "r.json")


def test_only_the_proved_are_ranked_and_lost_trials_cost_themselves(result):
    assert [row.framework for row in result.verdict] == ["fast", "slow"]
    result.trials[0].outcome = "failed"
    result.trials.append(make_trial("slow", 3, 0.02, "timeout"))
    rows = verdict_of(result)
    assert [row.framework for row in rows] == ["fast", "slow"]
    assert rows[0].minimum == pytest.approx(0.00101)
    result.trials = [t for t in result.trials if t.framework == "fast"]
    assert [row.framework for row in verdict_of(result)] == ["fast"]


def rendered(result: Result, width: int) -> str:
    from rich.console import Console

    console = Console(width=width, force_terminal=True, markup=False)
    with console.capture() as capture:
        console.print(result_view(result, width))
    return capture.get()


@pytest.mark.parametrize("width", [80, 200])
def test_the_table_shows_everyone_and_obeys_nobody(result, width):
    result.trials.append(make_trial("slow", 3, 0.02, "failed"))
    text = rendered(result, width)
    for name in ("fast", "slow", "wrong", "mute"):
        assert name in text
    assert "A [red]title\\x1b[2J" in text
    assert "[bold]CPU[/bold]" in text
    assert "it\\x1b[31m broke" in text
    assert "\x1b[2J" not in text
    assert "cannot be written" in text
    assert "\x1b[9m" in text  # struck through
    assert "1 of 4 trials failed" in text


def test_a_result_shows_itself_in_a_notebook(result):
    html = result._repr_html_()
    assert html == result_html(result)
    assert "fast" in html
    assert "\x1b" not in html


def test_the_machine_is_described_without_its_name():
    import platform

    machine = describe_machine()
    assert machine.cpu and machine.memory_bytes > 2**20
    assert 1 <= machine.usable_cores <= machine.cores
    name = platform.node()
    assert not name or len(name) < 4 or name not in machine.model_dump_json()


def test_what_counts_ended_well_and_was_not_run_again(result: Result) -> None:
    again = make_trial("fast", 3, 1.0).model_copy(update={"repeats": 0})
    result.trials = [
        make_trial("fast", 0, 1.9),
        make_trial("slow", 0, 2.0),
        make_trial("fast", 1, 1.0, outcome="failed"),
        make_trial("fast", 2, 1.0),
        again,
    ]
    counted, before = result.counted_trials(), result.counted_trials(before=3)
    assert [trial.block for trial in counted["fast"]] == [2, 3]
    assert [trial.block for trial in counted["slow"]] == [0]
    assert [trial.block for trial in before["fast"]] == [0, 2]
