"""Opens the web page in a real browser and draws digits on it."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

Point = tuple[float, float]

STROKES: dict[int, list[list[Point]]] = {
    0: [
        [(0.5, 0), (0.15, 0.2), (0.1, 0.6), (0.4, 1), (0.75, 0.9), (0.9, 0.5), (0.8, 0.1), (0.5, 0)]
    ],
    1: [[(0.5, 0), (0.5, 1)]],
    2: [[(0.1, 0.2), (0.4, 0), (0.8, 0.1), (0.8, 0.35), (0.1, 1), (0.95, 1)]],
    3: [[(0.1, 0.1), (0.5, 0), (0.85, 0.2), (0.4, 0.45), (0.9, 0.75), (0.5, 1), (0.1, 0.9)]],
    4: [[(0.2, 0), (0.1, 0.55), (0.9, 0.55)], [(0.7, 0), (0.7, 1)]],
    5: [[(0.9, 0), (0.2, 0), (0.15, 0.45), (0.6, 0.4), (0.9, 0.65), (0.7, 0.95), (0.1, 1)]],
    6: [[(0.7, 0), (0.3, 0.3), (0.15, 0.75), (0.5, 1), (0.85, 0.8), (0.6, 0.55), (0.2, 0.7)]],
    7: [[(0.05, 0), (0.95, 0), (0.4, 1)]],
    8: [
        [
            *[(0.8, 0.1), (0.4, 0), (0.2, 0.2), (0.5, 0.45), (0.85, 0.75), (0.5, 1)],
            *[(0.15, 0.8), (0.45, 0.5), (0.8, 0.25), (0.8, 0.1)],
        ]
    ],
    9: [[(0.85, 0.2), (0.5, 0), (0.2, 0.2), (0.4, 0.45), (0.85, 0.3), (0.85, 0.2), (0.75, 1)]],
}
"""The strokes of each digit. Coordinates are fractions of the digit's width and height."""


def started_browser() -> Iterator[Browser]:
    """Starts a browser. Skips the test if Chromium is not installed."""
    if BROWSER is None:
        pytest.skip("Chromium is not installed; `make test-web` installs it")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        yield browser
        browser.close()


def opened(browser: Browser, address: str, **settings: Any) -> Iterator[Page]:
    """Opens a new web page. Fails if the page contacts another server or logs an error."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"], **settings)
    page = context.new_page()
    problems: list[str] = []

    def logged(line: ConsoleMessage) -> None:
        if line.type == "error" and "415" not in line.text:
            problems.append(line.text)

    def requested(request: Request) -> None:
        if not request.url.startswith((address, "blob:", "data:")):
            problems.append(request.url)

    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", logged)
    page.on("request", requested)
    page.goto(address)
    yield page
    context.close()
    assert not problems


def draw(page: Page, digit: int, column: int = 0, columns: int = 3) -> None:
    """Draws a digit with the mouse in one column of the canvas, which is divided into `columns`."""
    for first, *others in strokes_on(page, digit, column, columns):
        page.mouse.move(*first)
        page.mouse.down()
        for point in others:
            page.mouse.move(*point, steps=6)
        page.mouse.up()


def strokes_on(page: Page, digit: int, column: int, columns: int) -> list[list[Point]]:
    """Returns the strokes of a digit in one column of the canvas, in pixels of the web page."""
    page.locator("#paper").scroll_into_view_if_needed()
    paper = page.locator("#paper").bounding_box()
    assert paper is not None
    wide = paper["width"] / columns
    left, top = paper["x"] + wide * (column + 0.25), paper["y"] + 0.25 * paper["height"]
    return [
        [(left + x * wide / 2, top + y * wide * 0.8) for x, y in each] for each in STROKES[digit]
    ]


def text(page: Page) -> Any:
    return expect(page.locator("#text"))
