"""The page in a real browser: every control, in light, dark and phone width, and by axe-core."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from reported import HOSTILE

from samestep.report.files import Wanted, write_reports
from samestep.result import Result

sync_api = pytest.importorskip("playwright.sync_api", reason="to get it: pip install playwright")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LEVEL_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PHONE, DESK = (390, 844), (1280, 900)

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no browser is installed; to get one: apt-get install chromium")
    # A root user's Chromium has no sandbox.
    options = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=options)


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open a result's page; nothing may be asked of any host, nor be said on the console."""
    wrong: list[str] = []

    def open_page(result: Result, size: tuple[int, int] = DESK, scheme: str = "light") -> Any:
        file = tmp_path / "page.html"
        write_reports(result, tmp_path / "race.json", Wanted(html=file))
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            accept_downloads=True,
        )
        page = context.new_page()
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(("file:", "data:", "blob:"))
                else wrong.append(request.url)
            ),
        )
        page.set_default_timeout(10_000)
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-drawn]")
        return page

    yield open_page
    assert wrong == []


@pytest.mark.parametrize("size", [DESK, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_accessible_and_no_wider_than_its_screen(
    opened: Open, race: Result, size: tuple[int, int], scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = opened(race, size, scheme)
    found = axe.run(page, options={"runOnly": LEVEL_AA}).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.evaluate("document.documentElement.dataset.theme") == scheme


def test_a_legend_is_inside_its_chart_on_a_phone_and_when_it_is_turned(
    opened: Open, race: Result
) -> None:
    cut = """[...document.querySelectorAll(".chart svg")].filter((chart) => {
        const legend = chart.querySelector(".role-legend")?.getBoundingClientRect();
        const room = chart.getBoundingClientRect();
        return legend && (legend.right > room.right || legend.bottom > room.bottom);
    }).length"""
    page = opened(race, PHONE)
    assert page.locator(".chart svg .role-legend").count() > 1
    assert page.evaluate(cut) == 0
    for size in (DESK, PHONE):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.wait_for_function(f"{cut} === 0")


def test_a_framework_that_is_switched_off_is_nowhere(opened: Open, race: Result) -> None:
    page = opened(race)
    bars = "#picture-memory svg .mark-rect path"
    assert page.locator(bars).count() == 2
    page.locator("#filter summary").click()
    page.get_by_label("torch", exact=True).uncheck()
    page.wait_for_function(f"document.querySelectorAll('{bars}').length === 1")
    for part in page.locator('[data-framework="torch"]').all():
        assert part.is_hidden()
    page.locator("#filter-none").click()
    assert page.locator("tbody tr:visible").count() == 0
    page.locator("#filter-all").click()
    page.wait_for_function(f"document.querySelectorAll('{bars}').length === 2")
    assert page.locator('tr[data-framework="torch"]').first.is_visible()


def test_the_theme_can_be_changed_and_the_charts_follow(opened: Open, race: Result) -> None:
    page = opened(race)
    paper = "document.querySelector('#picture-memory svg').style.backgroundColor"
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.locator("#theme").click()
    page.wait_for_function(f"{paper} === 'rgb(20, 23, 27)'")
    assert page.locator("#theme").get_attribute("aria-pressed") == "true"


def test_a_cell_of_the_proof_opens_its_figures(opened: Open, race: Result) -> None:
    page = opened(race)
    page.get_by_role("button", name="torch, trajectory: 1e-16").click()
    shown = page.locator("[popover]:popover-open")
    assert "against the experiment's own meaning: 1.000e-03" in shown.inner_text()
    assert "with epsilon-hat Adam: 1.000e-16" in shown.inner_text()


# A browser asks before a page's eleventh download, so each kind has a page of its own.
@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<svg")])
def test_every_chart_can_be_saved(opened: Open, race: Result, kind: str, start: bytes) -> None:
    page = opened(race)
    buttons = page.locator(f"[data-save={kind}]").all()
    assert len(buttons) == 9
    for button in buttons:
        with page.expect_download() as download:
            button.click()
        assert download.value.suggested_filename.endswith(f".{kind}")
        assert Path(download.value.path()).read_bytes().startswith(start)


def test_the_raw_result_can_be_downloaded(opened: Open, race: Result) -> None:
    page = opened(race)
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "race.json"
    content = Path(download.value.path()).read_text(encoding="utf-8")
    assert json.loads(content) == json.loads(race.model_dump_json())


def test_code_can_be_copied(opened: Open, race: Result) -> None:
    page = opened(race)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_label("Copy train of torch").click()
    page.get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("def train(model, data, epochs, on_epoch):")
    assert copied.strip() in race.frameworks["torch"].source


def test_a_strangers_words_are_shown_and_never_obeyed(opened: Open, strangers: Result) -> None:
    page = opened(strangers)
    assert "taken" not in page.title() or page.title().startswith("<script>")
    assert page.locator("img").count() == 0
    assert page.locator("h2").first.inner_text() == "The ranking"
    page.locator("#filter summary").click()
    page.get_by_label(HOSTILE[0], exact=True).first.uncheck()
    for bar in page.locator("#picture-memory svg .mark-rect path").all():
        bar.hover()
    assert page.title() == f"{HOSTILE[0]}: samestep"
