"""Drawing on the web page: undo, redo, eraser, shortcuts, reloads and the layout of results."""

from typing import Any

import pytest
from conftest import ROOT, PageServer

pytest.importorskip("playwright.sync_api")

from drawing import draw, opened, text
from playwright.sync_api import Browser, Page, expect

SENT = """async () => { const paper = document.querySelector('#paper');
        const { data } = paper.getContext('2d').getImageData(0, 0, paper.width, paper.height);
        return Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', data))).join(); }"""
"""Computes a hash of the pixels of the canvas. The page sends these pixels to the server."""

OVERLAPS = """() => { const box = (element) => element.getBoundingClientRect();
        const digits = [...document.querySelectorAll('#boxes rect')].map(box);
        return [...document.querySelectorAll('#boxes text')].filter((label) => {
          const { left, right, top, bottom } = box(label);
          const line = (bottom - top) / 5; // a label has blank space above and below its text
          return digits.some((digit) => left < digit.right - 2 && digit.left < right - 2
            && top + line < digit.bottom - 2 && digit.top < bottom - line - 2); }).length; }"""
"""Counts the labels that cover a digit."""


def test_an_undone_stroke_can_be_redone(page: Page) -> None:
    undo, redo = (page.get_by_role("button", name=name) for name in ("Undo", "Redo"))
    draw(page, 7)
    draw(page, 3, 1)
    text(page).to_have_text("73")
    expect(redo).to_be_disabled()
    undo.click()
    text(page).to_have_text("7")
    redo.click()
    text(page).to_have_text("73")
    for keys in ("Control+y", "Control+Shift+Z"):
        page.keyboard.press("Control+z")
        text(page).to_have_text("7")
        page.keyboard.press(keys)
        text(page).to_have_text("73")
    page.keyboard.press("Control+z")
    draw(page, 5, 1)
    text(page).to_have_text("75")
    expect(redo).to_be_disabled()


def test_the_eraser_removes_ink_and_can_be_undone(page: Page) -> None:
    draw(page, 7)
    draw(page, 3, 1)
    text(page).to_have_text("73")
    page.keyboard.press("e")
    expect(page.get_by_label("eraser")).to_be_checked()
    for _ in range(2):
        rub(page, 1)
    text(page).to_have_text("7")
    rub(page, 0)
    text(page).to_have_text("Nothing drawn yet")
    expect(page.get_by_role("button", name="Clear")).to_be_disabled()
    page.get_by_role("button", name="Undo").click()
    text(page).to_have_text("7")
    page.keyboard.press("e")
    expect(page.get_by_label("medium")).to_be_checked()


def rub(page: Page, column: int) -> None:
    """Moves the mouse, with its button pressed, over one of three columns of the canvas."""
    paper = page.locator("#paper").bounding_box()
    assert paper is not None
    left, wide = paper["x"] + paper["width"] * column / 3, paper["width"] / 3
    page.mouse.move(left + 5, paper["y"] + 60)
    page.mouse.down()
    for step in range(16):
        page.mouse.move(left + (5 if step % 2 else wide - 5), paper["y"] + 60 + 20 * step, steps=3)
    page.mouse.up()


def test_shortcuts_do_not_act_while_a_correction_is_typed(page: Page) -> None:
    draw(page, 7)
    text(page).to_have_text("7")
    page.get_by_label("Correct digit").focus()
    for keys in ("e", "Delete", "Control+z"):
        page.keyboard.press(keys)
    text(page).to_have_text("7")
    expect(page.get_by_label("medium")).to_be_checked()


def test_tooltips_and_help_name_the_shortcuts(page: Page) -> None:
    page.get_by_text("Keyboard shortcuts").click()
    for name, keys in (("Undo", "Ctrl+Z"), ("Redo", "Ctrl+Y"), ("Clear", "Delete")):
        title = page.get_by_role("button", name=name).get_attribute("title")
        assert title == f"{name} ({keys})"
        expect(page.locator("kbd", has_text=keys).first).to_be_visible()


def test_the_drawing_survives_a_reload(page: Page) -> None:
    draw(page, 7)
    draw(page, 3, 1)
    text(page).to_have_text("73")
    page.reload()
    text(page).to_have_text("73")
    page.get_by_role("button", name="Clear").click()
    text(page).to_have_text("Nothing drawn yet")
    page.reload()
    text(page).to_have_text("Nothing drawn yet")
    page.evaluate("localStorage.setItem('drawing', '{\"ratio\": 1, \"strokes\": [5]}')")
    page.evaluate("localStorage.setItem('drawings', '[7, null]')")
    page.reload()
    draw(page, 4)
    text(page).to_have_text("4")


def test_a_drawing_fits_if_the_paper_is_shorter_after_a_reload(page: Page) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    draw(page, 7, 1)
    page.locator("#stage").scroll_into_view_if_needed()
    text(page).to_have_text("7")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.reload()
    text(page).to_have_text("7")


def test_dark_mode_does_not_change_the_picture_that_is_sent(
    browser: Browser, page_server: PageServer
) -> None:
    sent = []
    schemes: tuple[Any, ...] = ("light", "dark")
    for scheme in schemes:
        for page in opened(browser, page_server.address, color_scheme=scheme):
            draw(page, 3)
            text(page).to_have_text("3")
            sent.append(page.evaluate(SENT))
            filtered = page.evaluate("getComputedStyle(document.querySelector('#paper')).filter")
            assert (filtered == "none") == (scheme == "light")
    assert sent[0] == sent[1]


def test_the_last_drawings_can_be_brought_back(page: Page) -> None:
    expect(page.get_by_text("Drawings that you clear appear here")).to_be_visible()
    for digit in (7, 3):
        draw(page, digit)
        text(page).to_have_text(str(digit))
        page.get_by_role("button", name="Clear").click()
        text(page).to_have_text("Nothing drawn yet")
    expect(page.locator("#drawings li")).to_have_text(["3", "7"])
    page.reload()
    draw(page, 5)
    text(page).to_have_text("5")
    page.locator("#drawings button").last.click()
    text(page).to_have_text("7")
    expect(page.locator("#drawings li")).to_have_text(["5", "3", "7"])
    page.get_by_role("button", name="Clear").click()  # clears a drawing that is already listed
    expect(page.locator("#drawings li")).to_have_text(["7", "5", "3"])
    page.get_by_role("button", name="Forget them").click()
    page.reload()
    expect(page.locator("#drawings li")).to_have_count(0)


def test_labels_never_cover_digits(page: Page) -> None:
    for name in ("two_lines.png", "photo.jpg", "3.png"):
        page.locator("#file").set_input_files(ROOT / "samples" / name)
        expect(page.locator("#boxes text").first).to_be_attached()
        page.wait_for_timeout(300)
        assert page.evaluate(OVERLAPS) == 0


def test_the_text_is_arranged_as_in_the_picture(page: Page) -> None:
    def digit(digit: int, line: int, number: int, x: int) -> dict[str, Any]:
        known: dict[str, Any] = {"digit": digit, "line": line, "number": number}
        known |= {"confidence": 0.99, "alternatives": []}
        return known | {"box": [x, 20 + 90 * line, 40, 80], "place": x, "picture": "data:,"}

    answer = {"width": 900, "height": 300, "text": "12\n3", "hint": None, "rotation": 0}
    digits = [digit(1, 0, 0, 10), digit(2, 0, 1, 400), digit(3, 1, 0, 410)]
    page.route(
        "**/look", lambda route: route.fulfill(json=answer | {"digits": digits, "left_out": []})
    )
    draw(page, 1)
    text(page).to_have_text("12 3")
    assert page.locator("#text").text_content() == "12\n3"
    one, two, three = (page.locator("#text span").nth(i).bounding_box() for i in range(3))
    assert one is not None
    assert two is not None
    assert three is not None
    assert two["x"] > one["x"] + 1.5 * one["width"]
    assert three["y"] > one["y"]
    assert three["x"] > one["x"] + one["width"]


def test_the_spacing_is_updated_if_only_the_numbers_change(page: Page) -> None:
    def reading(numbers: tuple[int, int]) -> dict[str, Any]:
        digits = [
            {"digit": 1, "line": 0, "number": number, "confidence": 0.99, "alternatives": []}
            | {"box": [50 * place, 0, 40, 80], "place": place, "picture": "data:,"}
            for place, number in enumerate(numbers)
        ]
        known = {"width": 900, "height": 300, "text": "11", "hint": None, "rotation": 0}
        return known | {"digits": digits, "left_out": []}

    page.route("**/look", lambda route: route.fulfill(json=reading((0, 0))))
    draw(page, 1)
    expect(page.locator("#text span")).to_have_text(["11"])
    page.unroute("**/look")
    page.route("**/look", lambda route: route.fulfill(json=reading((0, 1))))
    draw(page, 1, 1)
    expect(page.locator("#text span")).to_have_text(["1", "1"])


def test_a_long_number_wraps(page: Page) -> None:
    digits = [
        {"digit": 8, "line": 0, "number": 0, "confidence": 0.99, "alternatives": []}
        | {"box": [20 * i, 0, 18, 30], "place": i, "picture": "data:,"}
        for i in range(60)
    ]
    answer = {"width": 1200, "height": 40, "text": "8" * 60, "hint": None, "rotation": 0}
    page.route(
        "**/look", lambda route: route.fulfill(json=answer | {"digits": digits, "left_out": []})
    )
    draw(page, 1)
    text(page).to_have_text("8" * 60)
    sizes = "({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth]"
    wide, shown = page.locator("#text").evaluate(sizes)
    assert wide <= shown
