import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("tensorflow", "torch", "jax", "keras", "flax", "optax")


def run(*arguments: str, cwd: Path | None = None, **environment: str):
    return subprocess.run(
        [sys.executable, "-m", "samestep", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | environment,
    )


def refused(*arguments: str, cwd: Path | None = None, **environment: str) -> str:
    """Bad input: status 2, one sentence on stderr, nothing on stdout."""
    done = run(*arguments, cwd=cwd, **environment)
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.startswith("samestep: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_help_names_every_command():
    done = run("--help")
    assert done.returncode == 0
    for command in (
        "frameworks",
        "experiments",
        "code",
        "prove",
        "race",
        "scaling",
        "report",
        "compare",
        "install",
    ):
        assert command in done.stdout


def test_importing_the_package_and_the_commands_imports_nothing_heavy():
    program = (
        "import sys, samestep, samestep.cli\n"
        "heavy = {'numpy', 'pydantic', 'scipy', 'rich.progress'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert samestep.load('iris-mlp').title == 'Iris, 4-10-3'\n"
        "functions = {'code', 'load', 'load_result', 'prove', 'race', 'resume'}\n"
        "assert set(dir(samestep)) == functions | {'Result'}\n"
        "assert samestep.Result.__name__ == 'Result'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.frameworks
def test_the_coordinator_never_imports_a_framework(tmp_path):
    program = f"""
import sys
sys.argv = ["samestep", "race", "iris-mlp", "-f", "numpy,sklearn", "--trials", "2",
            "--no-repeats", "--set", "training.epochs=3", "--json", {str(tmp_path / "r.json")!r}]
from samestep.catalogue import find_frameworks
from samestep.cli import main
found = find_frameworks()
for framework in found.values():
    framework.place.problem(), framework.place.versions()
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
imported = set({HEAVY!r}) & set(sys.modules)
assert not imported, imported
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "numpy" in done.stdout
    assert f"Saved in {tmp_path / 'r.json'}" in done.stdout
    assert done.stderr.count("trial  ") == 4


@pytest.mark.frameworks
def test_a_race_is_saved_under_results_and_reported(tmp_path):
    arguments = ["race", "iris-mlp", "-f", "numpy", "--trials", "1", "--set", "training.epochs=2"]
    done = run(*arguments, "--no-repeats", cwd=tmp_path)
    assert done.returncode == 0, done
    (path,) = (tmp_path / "results").iterdir()
    assert path.name.startswith("iris-mlp-2")
    assert f"results/{path.name}" in done.stdout
    shown = run("report", str(path))
    assert shown.returncode == 0
    assert "numpy" in shown.stdout
    assert "Fewer than 3 trials tell nothing apart" in shown.stdout


@pytest.mark.julia
@pytest.mark.frameworks
def test_a_race_between_languages(julia, tmp_path):
    path = tmp_path / "r.json"
    arguments = [
        "race",
        "iris-mlp",
        "-f",
        "julia,numpy",
        "--trials",
        "2",
        "--no-repeats",
        "--json",
        str(path),
    ]
    done = run(*arguments, "--set", "training.epochs=3")
    assert done.returncode == 0, done
    content = json.loads(path.read_text())
    raced = content["frameworks"]
    assert {name: raced[name]["language"] for name in raced} == {
        "julia": "julia",
        "numpy": "python",
    }
    assert raced["julia"]["runtime"] == f"Julia {raced['julia']['version']['julia']}"
    assert {proof["verdict"] for proof in content["proof"].values()} == {"identical"}
    assert {row["framework"] for row in content["verdict"]} == {"julia", "numpy"}
    assert len(content["trials"]) == 4
    for trial in content["trials"]:
        assert trial["outcome"] == "done"
        assert len(trial["epochs"]) == 3
    # The same weights to start from, and losses that differ by the order of the rows alone.
    first = [trial["epochs"][0]["loss"] for trial in content["trials"]]
    assert max(first) < 1.1 * min(first)


@pytest.mark.frameworks
def test_prove_says_identical_and_saves(tmp_path):
    path = tmp_path / "p.json"
    done = run("prove", "iris-mlp", "-f", "numpy", "--json", str(path))
    assert done.returncode == 0, done
    assert "identical" in done.stdout
    assert "identical" in run("report", str(path)).stdout


def test_lists(tmp_path):
    shown = run("experiments")
    assert shown.returncode == 0
    assert "iris-mlp" in shown.stdout and "digits-mlp" in shown.stdout
    shown = run("frameworks")
    assert shown.returncode == 0
    assert "keras-tensorflow" in shown.stdout


def test_a_strangers_framework_is_listed_as_a_program(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "shim.py").write_text("")
    (folder / "script.py.j2").write_text("")
    (folder / "framework.toml").write_text(
        'language = "python"\nshim = "shim.py"\n[frameworks.mine]\ntitle = "Mine"\n'
    )
    shown = run("frameworks", SAMESTEP_PATH=str(tmp_path))
    assert f"mine is not samestep's own: what lies in {folder} runs code" in shown.stdout
    assert "numpy is not samestep's own" not in shown.stdout


def test_a_julia_that_is_missing_or_broken_is_listed_with_what_to_do(tmp_path):
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\n")
    silent.chmod(0o755)
    for julia, problem in (
        ("/no/such/julia", "there is no program '/no/such/julia'"),
        (str(silent), f"{silent} does not say which Julia it is"),
    ):
        shown = run("frameworks", SAMESTEP_JULIA=julia, SAMESTEP_KNET_JULIA=julia, COLUMNS="999")
        assert shown.returncode == 0, shown.stderr
        (knet,) = (line for line in shown.stdout.splitlines() if line.startswith("knet "))
        assert f"{problem}; to get it: install Julia 1.5 or later" in knet


def test_a_setting_with_a_quote_that_never_closes_is_named():
    done = run("frameworks", SAMESTEP_JULIA="julia 'oops", COLUMNS="999")
    # One bad setting may cost Julia's frameworks or the command, but never a traceback.
    assert done.returncode in (0, 2)
    assert "julia 'oops" in done.stdout + done.stderr


def test_broken_settings_are_refused_with_their_file_and_key(tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text("[projects.knet]\nfolder = 1\n")
    expected = f"samestep: {settings}: projects.knet.folder: input should be a valid string; "
    for command in (("frameworks",), ("prove", "iris-mlp", "-f", "knet"), ("install", "knet")):
        assert refused(*command, SAMESTEP_CONFIG=str(settings)).startswith(expected)
    missing = refused("frameworks", SAMESTEP_CONFIG=str(tmp_path / "none.toml"))
    assert f"SAMESTEP_CONFIG: there is no file {tmp_path / 'none.toml'}" in missing


def test_code_in_a_pipe_is_the_script_alone():
    done = run("code", "iris-mlp", "numpy")
    assert done.returncode == 0
    compile(done.stdout, "train.py", "exec")
    assert "lines / API names" in done.stderr


@pytest.mark.parametrize("columns", ["80", "200"])
def test_code_of_several_is_shown_by_stage(columns):
    done = run("code", "iris-mlp", "numpy", "torch", COLUMNS=columns)
    assert done.returncode == 0
    for word in ("prepare", "build", "train", "evaluate", "numpy", "torch", "DataLoader"):
        assert word in done.stdout
    assert "lines / API names" in done.stdout


def test_code_of_several_languages_is_shown_by_stage():
    done = run("code", "iris-mlp", "flux", "torch", SAMESTEP_JULIA="/no/such/julia")
    assert done.returncode == 0, done.stderr
    for word in ("prepare", "build", "train", "evaluate", "Chain(", "nn.Linear", "flux", "torch"):
        assert word in done.stdout
    alone = run("code", "iris-mlp", "flux", SAMESTEP_JULIA="/no/such/julia")
    assert alone.returncode == 0
    assert alone.stdout.startswith("# Iris, 4-10-3: trained with Flux.\n")
    assert alone.stdout.endswith("\nend\n")
    assert "lines / API names" in alone.stderr


def test_code_writes_a_julia_folder(tmp_path):
    assert run("code", "iris-mlp", "knet", "-o", "d", cwd=tmp_path).returncode == 0
    assert {path.name for path in (tmp_path / "d").iterdir()} == {
        *("train.jl", "Project.toml", "x_train.bin", "y_train.bin", "x_test.bin", "y_test.bin")
    }


def test_code_writes_folders_and_never_over_other_work(tmp_path):
    assert run("code", "iris-mlp", "numpy", "-o", "d", cwd=tmp_path).returncode == 0
    names = {path.name for path in (tmp_path / "d").iterdir()}
    assert {"train.py", "data.npz", "requirements.txt"} <= names
    assert run("code", "iris-mlp", "numpy", "-o", "d", cwd=tmp_path).returncode == 0
    script = tmp_path / "d" / "train.py"
    script.write_text("# mine\n")
    said = refused("code", "iris-mlp", "numpy", "-o", "d", cwd=tmp_path)
    assert "d/train.py: is there already and differs" in said
    assert script.read_text() == "# mine\n"
    assert run("code", "iris-mlp", "numpy", "torch", "-o", "e", cwd=tmp_path).returncode == 0
    assert {path.name for path in (tmp_path / "e").iterdir()} == {"numpy", "torch"}


@pytest.mark.frameworks
def test_scaling_races_at_every_size_and_says_who_wins_where(tmp_path):
    path = tmp_path / "scaling.json"
    arguments = ["scaling", "iris-mlp", "-f", "numpy,sklearn", "--sizes", "5,105", "--trials", "2"]
    options = ["--set", "training.epochs=3", "--no-repeats"]
    done = run(*arguments, *options, "--json", str(path))
    assert done.returncode == 0, done.stderr
    points = json.loads(path.read_text())["points"]
    assert [(point["size"], point["steps"]) for point in points] == [(5, 21), (105, 1)]
    assert [len(point["result"]["trials"]) for point in points] == [4, 4]
    # Times at two sizes; overhead and rate with their intervals, which noise may leave open. None
    # is cut short: on a narrow terminal there are more tables.
    for width in ("60", "160"):
        shown = run("report", str(path), COLUMNS=width).stdout
        numpy = [line for line in shown.splitlines() if line.startswith("numpy ")]
        assert (len(numpy) > 1) == (width == "60")
        assert len(re.findall(r"\d[\d.,]*|inf", " ".join(numpy))) == 8
    shown = run("report", str(path))
    assert shown.returncode == 0, shown.stderr
    assert done.stdout.startswith(shown.stdout)
    assert "'samestep-scaling/1', but 'samestep/1' is read" in refused("compare", path, path)
    for options, sentence in [
        (["--vary", "depth"], "--vary depth: must be one of batch_size, width, rows"),
        (["--sizes", "5;6"], "--sizes 5;6: write it as whole numbers between commas"),
        (["--sizes", "5"], "give two sizes or more"),
    ]:
        assert sentence in refused("scaling", "iris-mlp", "-f", "numpy", *options)


def test_compare_says_no_to_a_regression_and_refuses_other_work(tmp_path):
    results = Path(__file__).parents[1] / "docs/results"
    iris, digits = str(results / "iris-mlp.json"), str(results / "digits-mlp.json")
    same = run("compare", iris, iris)
    assert (same.returncode, "No change is told." in same.stdout) == (0, True)
    said = refused("compare", iris, digits)
    assert "of different experiments" in said and "--anyway" in said
    assert run("compare", iris, digits, "--anyway").returncode == 1
    assert "--tolerance -1: is no share" in refused("compare", iris, iris, "--tolerance", "-1")
    assert "less than 100%" in refused("compare", iris, iris, "--accuracy", "1")
    content = json.loads(Path(iris).read_text())
    for trial in content["trials"]:
        if trial["framework"] == "torch":
            trial["seconds"]["steady_epoch"] *= 1.5
    slower = tmp_path / "slower.json"
    slower.write_text(json.dumps(content))
    done = run("compare", iris, str(slower))
    assert (done.returncode, "Worse: torch: more time" in done.stdout) == (1, True)
    assert run("compare", iris, str(slower), "--tolerance", "90%").returncode == 0


def test_bad_input_is_one_sentence_and_status_2(tmp_path):
    assert 'did you mean "iris-mlp"' in refused("race", "iris-mpl")
    assert 'did you mean "numpy"' in refused("code", "iris-mlp", "nunpy")
    assert 'did you mean "torch"' in refused("prove", "iris-mlp", "-f", "torhc")
    assert "there is no such file" in refused("report", "nowhere.json")
    assert "'--trials': Input should be greater" in refused("race", "iris-mlp", "--trials", "0")
    misspelt = refused("race", "--trails")
    assert "Possible options: --threads, --trials) (samestep race --help" in misspelt
    assert "Did you mean 'race'" in refused("rase", "iris-mlp")
    assert "Missing argument 'RESULT' (samestep report --help" in refused("report")
    assert "training.epochs" in refused("prove", "iris-mlp", "--set", "training.epochs=0")
    assert "usable cores" in refused("race", "iris-mlp", "-f", "numpy", "--threads", "4096")
    assert "--timeout" in refused("race", "iris-mlp", "-f", "numpy", "--timeout", "0")
    assert "names no framework" in refused("race", "iris-mlp", "-f", ",")
    assert "give an EXPERIMENT" in refused("race")
    assert "--budget 10x: is no duration" in refused("race", "iris-mlp", "--budget", "10x")
    assert "--budget 0m: must be more than 0" in refused("race", "iris-mlp", "--budget", "0m")
    assert "--precision 0%: must be" in refused("race", "iris-mlp", "--precision", "0%")
    assert "--precision two: is no share" in refused("race", "iris-mlp", "--precision", "two")
    few = "--set", "training.epochs=5", "--epochs"
    assert "a number from 2 to 5" in refused("race", "iris-mlp", *few, "6")
    cosine = "--set", 'training.learning_rate_schedule={name = "cosine", final = 0.0}'
    assert "--epochs 3: a cosine schedule" in refused("race", "iris-mlp", *few, "3", *cosine)
    assert "leave out EXPERIMENT" in refused("race", "iris-mlp", "--resume", "r.json")
    assert "leave out --trials" in refused("race", "--trials", "3", "--resume", "r.json")
    assert "there is no such file" in refused("race", "--resume", "nowhere.json")
    broken = tmp_path / "broken.toml"
    broken.write_text("title = ")
    assert "is not valid TOML" in refused("code", str(broken), "numpy")
    assert "cannot be written" in refused("code", "iris-mlp", "numpy", "-o", f"{broken}/d")


def test_bad_usage_is_status_2():
    for arguments in (["prove"], ["race", "iris-mlp", "--trials", "0"], ["nonsense"]):
        done = run(*arguments)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_an_unwritable_path_is_refused_before_anything_runs(tmp_path):
    # A proof that began would have its line on stderr.
    assert "cannot be written" in refused("race", "iris-mlp", "--json", "/proc/nowhere/r.json")
    assert "is a folder" in refused("prove", "iris-mlp", "--json", str(tmp_path))


def test_hostile_text_is_shown_not_obeyed(tmp_path):
    evil = "evil\x1b]0;pwned\x07[bold red]\u202e.toml"
    said = refused("race", str(tmp_path / evil))
    assert "\x1b" not in said and "\u202e" not in said
    assert "\\x1b]0;pwned\\x07[bold red]\\u202e" in said


def test_a_hostile_title_is_shown_not_obeyed_on_a_terminal(write_experiment):
    title = "\\u001b[2J[red]x[/red]\\u202e${7*7}"
    path = write_experiment(('title = "A test"', f'title = "{title}"'))
    command = [sys.executable, "-m", "samestep", "code", str(path), "numpy", "torch"]
    main, terminal = pty.openpty()
    process = subprocess.Popen(command, stdout=terminal, stderr=terminal, stdin=subprocess.DEVNULL)
    os.close(terminal)
    shown = b""
    while True:
        try:
            chunk = os.read(main, 65536)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    os.close(main)
    assert process.wait() == 0
    text = shown.decode()
    assert "\x1b[2J" not in text and "\u202e" not in text
    assert "\\x1b[2J[red]x[/red]\\u202e" in text
