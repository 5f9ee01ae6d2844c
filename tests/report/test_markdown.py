"""Markdown for an issue tracker, rendered as a tracker would."""

import pytest
from reported import HOSTILE

from samestep.report.markdown import markdown_report, safe
from samestep.result import Result

markdown_it = pytest.importorskip("markdown_it", reason="rich brings markdown-it-py")


def rendered(text: str) -> str:
    return str(markdown_it.MarkdownIt("commonmark").enable("table").render(text))


def test_it_holds_verdict_table_and_command(race: Result) -> None:
    html = rendered(markdown_report(race))
    assert "<strong>numpy is the fastest; torch, the next, takes 1.20" in html
    assert html.count("<table>") == 2  # the ranking, and the learning curves
    assert "<td>numpy</td>" in html
    assert "wrong: different: forward departs by 1.0e-02 in kernel" in html
    assert "samestep race iris-mlp" in html


def test_proofs_alone_are_a_table_of_rungs(race: Result) -> None:
    race.settings.trials, race.trials, race.curves, race.verdict = 0, [], [], []
    html = rendered(markdown_report(race))
    assert '<th style="text-align:right">trajectory</th>' in html
    assert "<td>identical</td>" in html


def test_a_strangers_words_stay_words(strangers: Result) -> None:
    text = markdown_report(strangers)
    html = rendered(text)
    assert "<script" not in html and "<img" not in html
    assert "<a " not in html
    assert "@g" not in text
    rows = [line for line in text.splitlines() if line.startswith("| 1 |")]
    assert rows and all(len(row.replace("\\|", "").split("|")) > 8 for row in rows)


@pytest.mark.parametrize("text", HOSTILE)
def test_safe_text_is_shown_as_it_is(text: str) -> None:
    html = rendered(safe(text))
    assert html.count("<") == 2  # a paragraph, and nothing in it
