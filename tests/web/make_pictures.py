#!/usr/bin/env python3
"""Makes the pictures of the web page in the documentation: python tests/web/make_pictures.py.

Run `make browser` first. The script trains a second model on MNIST for the comparison. It writes
`docs/draw_digit.webp` (animated), `docs/draw_digit.png`, `docs/draw_digit_phone.png` and
`docs/form_page.png`.
"""

import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Locator, Page, expect

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from conftest import ROOT, served
from drawing import Point, opened, started_browser, strokes_on, text

DOCS = ROOT / "docs"
FRAME = 40  # duration of a frame in milliseconds
SPACING = 4.0  # distance in pixels between two points of a stroke
POINTS = 4  # number of points of a stroke between two frames
POINTER = [(0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12)]
"""The outline of the mouse pointer in pixels. Screenshots do not show the real pointer."""


def main() -> None:
    """Starts the server and a browser, and makes the pictures one after the other."""
    with (
        tempfile.TemporaryDirectory() as folder,
        served(copied_project(Path(folder))) as server,
        contextmanager(started_browser)() as browser,
    ):
        save_film(browser, server.address)
        save_page(browser, server.address)
        save_game(browser, server.address)
        save_form(browser, server.address)


def copied_project(folder: Path) -> Path:
    """Copies the project without your own models, and trains a second model in the copy."""
    for script in ("draw_digit.py", "train_model.py"):
        shutil.copy(ROOT / script, folder)
    shutil.copytree(ROOT / "common", folder / "common")
    (folder / "models").mkdir()
    for pretrained in (ROOT / "models").glob("pretrained*"):
        shutil.copy(pretrained, folder / "models")
    if (ROOT / "data").exists():
        (folder / "data").symlink_to(ROOT / "data")
    words = ["train_model.py", "--data", "mnist", "--preset", "fast", "--network", "simple_cnn"]
    subprocess.run([sys.executable, *words], cwd=folder, check=True)
    return folder


class Film:
    """A film of a web page, with a mouse pointer that this class moves.

    Args:
        page: The web page. Its clock is stopped, because otherwise a pen that waits for a
            screenshot would count as resting.
    """

    def __init__(self, page: Page) -> None:
        page.clock.install(time=0)
        page.clock.pause_at(1000)
        self._page = page
        self._place: Point = (0, 0)
        self._frames: list[Image.Image] = []
        self._durations: list[int] = []

    def shoot(self, duration: int = FRAME) -> None:
        """Adds a frame that is shown for `duration` milliseconds."""
        frame = Image.open(BytesIO(self._page.screenshot())).convert("RGB")
        x, y = self._place
        outline = [(x + across, y + down) for across, down in POINTER]
        ImageDraw.Draw(frame).polygon(outline, fill="white", outline="black")
        self._frames.append(frame)
        self._durations.append(duration)

    def jump(self, place: Point) -> None:
        """Moves the pointer without adding a frame."""
        self._page.mouse.move(*place)
        self._place = place

    def follow(self, points: list[Point]) -> None:
        """Moves the pointer from point to point, and adds a frame at every `POINTS`-th point."""
        for index, point in enumerate(points):
            self.jump(point)
            if index % POINTS == 0:
                self.shoot()

    def click(self, button: Locator) -> None:
        """Moves the pointer to the lower right of a button, and presses it."""
        box = button.bounding_box()
        assert box is not None
        goal = (box["x"] + 0.8 * box["width"], box["y"] + 0.6 * box["height"])
        x, y = self._place
        for share in (0.1, 0.3, 0.5, 0.7, 0.9, 1):
            self.jump((x + share * (goal[0] - x), y + share * (goal[1] - y)))
            self.shoot()
        self.shoot(300)
        self._page.mouse.click(*goal)

    def save(self, path: Path) -> None:
        """Writes the frames as an animated WebP file."""
        first, *others = self._frames
        first.save(
            path,
            save_all=True,
            append_images=others,
            duration=self._durations,
            loop=0,  # repeat for ever
            method=6,
            quality=75,
        )


def handwritten(stroke: list[Point]) -> list[Point]:
    """Rounds the corners of a stroke, as in handwriting.

    Args:
        stroke: The corners of the stroke, in pixels.

    Returns:
        Points at equal distances along the stroke.
    """
    for _ in range(3):  # cut the corners (Chaikin, 1974)
        inner = [
            ((1 - share) * x + share * next_x, (1 - share) * y + share * next_y)
            for (x, y), (next_x, next_y) in pairwise(stroke)
            for share in (0.25, 0.75)
        ]
        stroke = [stroke[0], *inner, stroke[-1]]
    xs, ys = np.transpose(stroke)
    lengths = np.append(0, np.cumsum(np.hypot(np.diff(xs), np.diff(ys))))
    places = np.linspace(0, lengths[-1], round(lengths[-1] / SPACING) + 1)
    points = zip(np.interp(places, lengths, xs), np.interp(places, lengths, ys), strict=True)
    return [(float(x), float(y)) for x, y in points]


def write(page: Page, digit: int, column: int) -> None:
    """Draws a digit, with rounded corners, in one of the three columns of the canvas."""
    for first, *others in map(handwritten, strokes_on(page, digit, column, 3)):
        page.mouse.move(*first)
        page.mouse.down()
        for point in others:
            page.mouse.move(*point)
        page.mouse.up()


def save_film(browser: Browser, address: str) -> None:
    """Films how 735 is drawn, and how "Why?" explains the 7."""
    for page in opened(browser, address, viewport={"width": 900, "height": 690}):
        film = Film(page)
        film.jump(strokes_on(page, 7, 0, 3)[0][0])
        film.shoot(400)
        for column, digit in enumerate((7, 3, 5)):
            for first, *others in map(handwritten, strokes_on(page, digit, column, 3)):
                film.jump(first)
                page.mouse.down()
                film.follow(others)
                page.mouse.up()
            text(page).to_have_text("735"[: column + 1])
            film.shoot(500)
        film.click(page.get_by_role("button", name="Why?").first)
        expect(page.locator(".reasons").first).to_be_visible()
        film.shoot(2500)
        film.save(DOCS / "draw_digit.webp")


def save_page(browser: Browser, address: str) -> None:
    """Saves a screenshot with heat map, explanation, recent drawings and comparison of models."""
    for page in opened(browser, address, viewport={"width": 1280, "height": 1010}):
        for digits in ((2, 8), (4,), (7, 3, 5)):
            page.keyboard.press("Delete")
            for column, digit in enumerate(digits):
                write(page, digit, column)
            text(page).to_have_text("".join(map(str, digits)))
        page.get_by_role("button", name="Why?").first.click()
        page.get_by_role("button", name="Show where it looks").click()
        page.get_by_role("button", name="Compare").click()
        expect(page.locator("#heat")).to_be_visible()
        expect(page.locator("#models .reads strong")).to_have_count(2)
        save_screenshot(page, DOCS / "draw_digit.png")


def save_game(browser: Browser, address: str) -> None:
    """Saves a screenshot of the third round of the game on a phone."""
    for page in opened(browser, address, viewport={"width": 390, "height": 844}):
        page.evaluate("Math.random = () => 0.35")  # the same digits each time
        page.get_by_role("button", name="Play", exact=True).click()
        for digit in (3, 4):
            expect(page.locator("#task")).to_have_text(f"Write a {digit}")
            write(page, digit, 1)
            page.get_by_role("button", name="Done").click()
        expect(page.locator("#task")).to_have_text("Write a 2")
        write(page, 2, 1)
        text(page).to_have_text("2")
        save_screenshot(page, DOCS / "draw_digit_phone.png")


def save_form(browser: Browser, address: str) -> None:
    """Saves a screenshot of the page `/form`, with one field of the order form selected."""
    for page in opened(browser, address, viewport={"width": 1000, "height": 720}):
        page.goto(f"{address}form")
        page.locator("#file").set_input_files(DOCS / "order_form" / "empty.png")
        for name in ("customer", "date"):
            page.get_by_role("button", name="field_").first.focus()
            page.get_by_label("Name").fill(name)
        page.get_by_label("Check").select_option("date")
        page.get_by_role("button", name="date").focus()
        save_screenshot(page, DOCS / "form_page.png")


def save_screenshot(page: Page, path: Path) -> None:
    """Writes a screenshot as a PNG with 256 colours, a third of the size of full colour."""
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    main()
