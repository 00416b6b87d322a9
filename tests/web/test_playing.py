"""The web page has a game: write ten digits for points."""

import re
from typing import Any

import pytest
from conftest import PageServer

pytest.importorskip("axe_playwright_python")

from axe_playwright_python.sync_playwright import Axe
from drawing import STROKES, draw, opened, text
from playwright.sync_api import Browser, Page, Route, expect


def task_of(page: Page) -> int:
    """Returns the digit that the player has to write."""
    found = re.fullmatch(r"Write an? (\d)", page.locator("#task").text_content() or "")
    assert found
    return int(found[1])


def score_of(page: Page) -> int:
    """Returns the points so far."""
    return int((page.locator("#progress").text_content() or "").split(", ")[1].split()[0])


def test_ten_rounds_give_points_by_confidence(browser: Browser, page_server: PageServer) -> None:
    settings: dict[str, Any] = {"viewport": {"width": 360, "height": 780}}
    for page in opened(browser, page_server.address, **settings):
        page.get_by_role("button", name="Play", exact=True).click()
        written = []
        for number in range(1, 11):
            expect(page.locator("#progress")).to_contain_text(f"Round {number} of 10")
            written.append(task_of(page))
            draw(page, written[-1], 1)
            page.get_by_role("button", name="Done").click()
        assert sorted(written) == list(range(10))
        expect(page.locator("#task")).to_contain_text("of 1000 points, your best so far")
        assert 800 < score_of(page) <= 1000
        expect(page.get_by_role("button", name="Done")).to_be_hidden()
        page.get_by_role("button", name="Play again").click()
        expect(page.locator("#progress")).to_have_text("Round 1 of 10, 0 points")
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("region", name="Game")).to_be_hidden()


def test_a_wrong_digit_gives_hardly_any_points(page: Page) -> None:
    page.get_by_role("button", name="Play", exact=True).click()
    wanted = task_of(page)
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#outcome")).to_have_text(re.compile(f"Write an? {wanted} first."))
    for column in (0, 1):
        draw(page, wanted, column)
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#outcome")).to_have_text("It sees 2 digits. Write only one.")
    expect(page.locator("#progress")).to_contain_text("Round 1 of 10")
    page.get_by_role("button", name="Clear").click()
    wrong = 3 if wanted != 3 else 7
    draw(page, wrong)
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#outcome")).to_contain_text(f"It read a {wrong}")
    assert score_of(page) < 10


def test_a_game_starts_on_empty_paper_and_lists_the_earlier_drawing(page: Page) -> None:
    draw(page, 7)
    text(page).to_have_text("7")
    page.get_by_role("button", name="Play", exact=True).click()
    text(page).to_have_text("Nothing drawn yet")
    expect(page.locator("#drawings li")).to_have_text(["7"])


def test_the_game_can_be_played_by_touch(browser: Browser, page_server: PageServer) -> None:
    settings: dict[str, Any] = {"viewport": {"width": 360, "height": 780}, "has_touch": True}
    for page in opened(browser, page_server.address, is_mobile=True, **settings):
        page.get_by_role("button", name="Play", exact=True).tap()
        expect(page.locator("#progress")).to_have_text("Round 1 of 10, 0 points")
        page.wait_for_timeout(300)  # time for the page to scroll
        wanted = task_of(page)
        write_by_touch(page, wanted)
        text(page).to_have_text(str(wanted))
        page.get_by_role("button", name="Done").tap()
        expect(page.locator("#progress")).to_contain_text("Round 2 of 10")
        assert score_of(page) > 50


def write_by_touch(page: Page, digit: int) -> None:
    """Draws a digit with a finger in the middle of the canvas."""
    page.locator("#paper").scroll_into_view_if_needed()
    paper = page.locator("#paper").bounding_box()
    assert paper is not None
    left, top, size = paper["x"] + 120, paper["y"] + 60, 120
    finger = page.context.new_cdp_session(page)
    for stroke in STROKES[digit]:
        kind = "touchStart"
        for x, y in stroke:
            place = {"x": left + size * x * 0.7, "y": top + size * y}
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
            page.wait_for_timeout(50)  # after an instant stroke, Chromium drops the next tap
            kind = "touchMove"
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_late_answer_for_the_last_game_does_not_count_in_a_new_game(page: Page) -> None:
    page.get_by_role("button", name="Play", exact=True).click()
    draw(page, task_of(page), 1)
    text(page).to_have_text(re.compile(r"^\d$"))
    late: list[Route] = []
    page.route("**/look", lambda route: late.append(route), times=1)
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Play", exact=True).click()
    (done,) = late
    with page.expect_response("**/look"):
        done.continue_()
    page.wait_for_timeout(200)
    expect(page.get_by_role("button", name="Done")).to_be_enabled()
    expect(page.locator("#progress")).to_have_text("Round 1 of 10, 0 points")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_game_is_accessible(browser: Browser, page_server: PageServer, scheme: Any) -> None:
    settings: dict[str, Any] = {"viewport": {"width": 360, "height": 780}, "color_scheme": scheme}
    for page in opened(browser, page_server.address, **settings):
        page.get_by_role("button", name="Play", exact=True).click()
        assert not Axe().run(page).response["violations"]
        wide, shown = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= shown
        visible = page.locator("#paper").evaluate("paper => paper.getBoundingClientRect().bottom")
        assert visible <= 780  # the task, the button and the paper fit on a phone's screen
