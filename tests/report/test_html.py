"""The page as text: what it holds, and that a stranger's words stay words."""

import base64
import gzip
import json
import re
from html.parser import HTMLParser

import pytest
from reported import HOSTILE

from samestep.report.html import race_page
from samestep.result import Result


class Page(HTMLParser):
    """The elements, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data: str) -> None:
        (self.scripts if self.tags[-1:] == ["script"] else self.text).append(data)


def test_a_page_answers_its_question(race: Result) -> None:
    page = " ".join(Page(race_page(race, "race.json")).text)
    assert "Who trains “A race” fastest on 2 cores of A processor?" in page
    assert "numpy is the fastest; torch, the next, takes 1.20" in page
    assert "Not ranked: wrong and broken." in page
    for part in ("How it was measured", "The code that was raced", "samestep race iris-mlp"):
        assert part in page


def test_whoever_is_not_the_same_is_struck_through_with_the_reason(race: Result) -> None:
    page = race_page(race, "race.json")
    assert "<s>wrong</s>" in page
    assert "forward departs by 1.0e-02 in kernel" in page
    assert "build: no such layer" in page


def test_a_page_needs_nothing_from_anywhere(race: Result) -> None:
    text = race_page(race, "race.json")
    page = Page(text)
    assert not {"link", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert not [value for name, value in page.attributes if name in ("src", "href", "srcset")]
    assert not re.search(r"url\(|@import", text[: text.index("</style>")])
    policy = dict(page.attributes)["content"]
    assert "default-src 'none'" in text and policy is not None


def test_the_raw_result_can_be_had_back(race: Result) -> None:
    text = race_page(race, "race.json")
    packed = re.search(r'id="raw-data">([^<]*)<', text)
    assert packed is not None
    assert Result.model_validate_json(gzip.decompress(base64.b64decode(packed[1]))) == race


def test_a_large_raw_result_is_left_out_and_the_page_says_so(
    race: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samestep.report.html.MOST_RAW_BYTES", 10)
    text = race_page(race, "race.json")
    assert "raw-data" not in text.split("<script>")[0]
    assert "too large to lie in this page; ask for the file race.json" in text


def test_proofs_alone_have_a_page(race: Result) -> None:
    race.settings.trials, race.trials, race.curves, race.verdict = 0, [], [], []
    page = " ".join(Page(race_page(race, "proof.json")).text)
    assert "Do all of these frameworks do the work of “A race”?" in page
    assert "identical: numpy; equivalent: torch; different: wrong; failed: broken." in page
    assert "samestep prove iris-mlp" in page


def test_a_strangers_words_stay_words(strangers: Result) -> None:
    text = race_page(strangers, HOSTILE[1])
    page, own = Page(text), Page(race_page(strangers.model_copy(update={"title": "x"}), "r.json"))
    assert page.tags == own.tags
    assert "img" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    words = " ".join(page.text)
    for payload in (HOSTILE[0], HOSTILE[1], HOSTILE[4]):
        assert payload in words
    assert not any("taken" in script for script in page.scripts[-2:])


def test_the_data_of_the_charts_cannot_end_their_element(strangers: Result) -> None:
    text = race_page(strangers, "race.json")
    start = text.index('id="specifications">') + len('id="specifications">')
    data = json.loads(text[start : text.index("</script>", start)])
    names = {row["framework"] for row in data["memory"]["data"]["values"]}
    assert names <= set(HOSTILE)
