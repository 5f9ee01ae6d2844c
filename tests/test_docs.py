"""The site builds, strictly, with a page for whatever ships."""

import subprocess
import sys
from pathlib import Path

import pytest

from samestep.experiment_file import shipped_experiments
from samestep.report.document import load_report
from samestep.result import Result
from samestep.traps import TRAPS

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_site_has_a_page_for_whatever_ships(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="to get it: pip install 'samestep[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in shipped_experiments():
        page = (tmp_path / "experiments" / name / "index.html").read_text()
        assert f"samestep race {name}" in page
        assert "torch" in page or "cannot be shown here" in page
    traps = (tmp_path / "traps" / "index.html").read_text()
    assert traps.count("<h2") == len(TRAPS)
    commands = (tmp_path / "commands" / "index.html").read_text()
    for option in ("--curves", "--precision", "--html", "--vary", "study-2019"):
        assert option in commands
    for saved in (ROOT / "docs" / "results").glob("*.json"):
        if not isinstance(load_report(saved), Result):
            continue
        report = (tmp_path / "results" / f"{saved.stem}.html").read_text()
        assert "Content-Security-Policy" in report
