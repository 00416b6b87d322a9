"""The web page reads drawings and images in a real browser."""

from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, PageServer
from PIL import Image

pytest.importorskip("axe_playwright_python")

from axe_playwright_python.sync_playwright import Axe
from drawing import draw, opened, text
from playwright.sync_api import Browser, Page, Request, Route, expect

DARK = """() => { const paper = document.querySelector('#paper');
        const { data } = paper.getContext('2d').getImageData(0, 0, paper.width, paper.height);
        return data.filter((value, i) => i % 4 === 0 && value < 128).length; }"""
"""Counts the dark pixels of the canvas."""

PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="


@pytest.mark.parametrize("digit", range(10))
def test_each_drawn_digit_is_read(page: Page, digit: int) -> None:
    draw(page, digit)
    text(page).to_have_text(str(digit))
    expect(page.locator(".mark")).to_have_count(1)
    expect(page.locator(".mark .digit")).to_have_text(str(digit))
    expect(page.locator("#boxes rect")).to_have_count(1)


def test_undo_and_clear_update_the_reading(page: Page) -> None:
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    for column, digit in enumerate((7, 3, 5)):
        draw(page, digit, column)
    text(page).to_have_text("735")
    page.get_by_role("button", name="Undo").click()
    text(page).to_have_text("73")
    page.keyboard.press("Control+z")
    text(page).to_have_text("7")
    draw(page, 2, 1)
    text(page).to_have_text("72")
    page.get_by_role("button", name="Clear").click()
    text(page).to_have_text("Nothing drawn yet")
    expect(page.locator(".mark")).to_have_count(0)
    draw(page, 4)
    page.keyboard.press("Delete")
    text(page).to_have_text("Nothing drawn yet")
    page.keyboard.press("Control+z")
    text(page).to_have_text("4")


def test_clear_during_a_stroke_discards_the_stroke(page: Page) -> None:
    page.mouse.move(200, 300)
    page.mouse.down()
    page.mouse.move(300, 300, steps=5)
    page.keyboard.press("Delete")
    page.mouse.move(300, 400, steps=5)
    page.mouse.up()
    text(page).to_have_text("Nothing drawn yet")
    assert page.evaluate(DARK) == 0


def test_a_late_response_for_an_earlier_image_is_ignored(page: Page) -> None:
    held: list[Route] = []
    page.route("**/upright", lambda route: held.append(route) if not held else route.continue_())
    page.locator("#file").set_input_files(ROOT / "samples" / "two_lines.png")
    page.locator("#file").set_input_files(ROOT / "samples" / "7.jpeg")
    text(page).to_have_text("7")
    with page.expect_response("**/upright"):
        held[0].continue_()
    page.wait_for_timeout(300)
    text(page).to_have_text("7")


def test_a_typed_correction_survives_further_drawing(page: Page) -> None:
    draw(page, 4)
    text(page).to_have_text("4")
    page.get_by_label("Correct digit").fill("9")
    draw(page, 5, 1)
    text(page).to_have_text("45")
    expect(page.get_by_label("Correct digit").first).to_have_value("9")
    expect(page.get_by_label("Correct digit").last).to_have_value("")


def test_lifting_the_pen_sends_the_drawing_at_once_and_only_once(page: Page) -> None:
    looks: list[Request] = []
    page.on("request", lambda each: looks.append(each) if each.url.endswith("/look") else None)
    # The script does not pause, so the request cannot come from a timer.
    sent = page.evaluate(
        """() => { const sent = [];
        const send = window.fetch;
        window.fetch = (path, options) => { sent.push(path); return send(path, options); };
        const paper = document.querySelector('#paper');
        paper.setPointerCapture = () => {};
        const { left, top } = paper.getBoundingClientRect();
        const moves = Array.from({ length: 20 }, (_, step) => ['move', 80 + 10 * step]);
        for (const [type, y] of [['down', 70], ...moves, ['up', 270]])
          paper.dispatchEvent(new PointerEvent(`pointer${type}`, { pointerId: 5,
            clientX: left + 150, clientY: top + y }));
        return sent; }"""
    )
    assert sent == ["look"]
    expect(page.locator(".mark")).to_have_count(1)
    page.wait_for_timeout(300)  # longer than the delay after which a resting pen is read
    assert len(looks) == 1


def test_pen_size_and_pressure_change_the_stroke_width(page: Page) -> None:
    counts = []
    for pen in ("fine", "medium", "thick"):
        page.get_by_text(pen).click()
        draw(page, 1)
        counts.append(page.evaluate(DARK))
        page.keyboard.press("Delete")
    assert counts == sorted(counts)
    assert counts[2] > 2 * counts[0]
    for pressure in (0.1, 0.9):
        page.evaluate(
            """(pressure) => { const paper = document.querySelector('#paper');
            paper.setPointerCapture = () => {};
            const { left, top } = paper.getBoundingClientRect();
            for (const [type, y] of [['down', 50], ['move', 150], ['up', 150]])
              paper.dispatchEvent(new PointerEvent(`pointer${type}`, { pointerId: 5, pressure,
                pointerType: 'pen', clientX: left + 50, clientY: top + y })); }""",
            pressure,
        )
        counts.append(page.evaluate(DARK))
        page.keyboard.press("Delete")
    assert counts[-2] > 118  # the stroke is a line, not a dot
    assert counts[-1] > 2 * counts[-2]


def test_images_can_be_chosen_dropped_and_pasted(page: Page, tmp_path: Path) -> None:
    sample = ROOT / "samples" / "two_lines.png"
    page.locator("#file").set_input_files(sample)
    text(page).to_have_text("2859 1603")
    written = page.locator("#text").text_content()
    assert written == "2859\n1603"
    page.get_by_role("button", name="Copy text").click()
    assert page.evaluate("navigator.clipboard.readText()") == written
    expect(page.get_by_alt_text("The chosen image")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    text(page).to_have_text("Nothing drawn yet")
    for kind, field in (("drop", "dataTransfer"), ("paste", "clipboardData")):
        content = list((ROOT / "samples" / "7.jpeg").read_bytes())
        page.evaluate(
            """([kind, field, content]) => { const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(content)], '7.jpeg', { type: 'image/jpeg' }));
            const event = kind === 'drop' ? new DragEvent(kind, { dataTransfer: data })
              : new ClipboardEvent(kind, { clipboardData: data });
            document.dispatchEvent(event); }""",
            [kind, field, content],
        )
        text(page).to_have_text("7")
        page.get_by_role("button", name="Clear").click()
        text(page).to_have_text("Nothing drawn yet")


def test_a_photo_is_shown_upright(page: Page, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    with Image.open(ROOT / "samples" / "7.jpeg") as picture:
        turned = picture.convert("RGB").rotate(90, expand=True)
    turned.save(tmp_path / "turned.jpg", exif=exif)
    turned.rotate(-90, expand=True).save(tmp_path / "seven.tiff")
    for name in ("turned.jpg", "seven.tiff"):
        page.locator("#file").set_input_files(tmp_path / name)
        text(page).to_have_text("7")
        sides = page.evaluate(
            "(({ naturalWidth, naturalHeight }) => [naturalWidth, naturalHeight])"
            "(document.querySelector('#image'))"
        )
        assert sides == [turned.height, turned.width]
        page.keyboard.press("Delete")
        text(page).to_have_text("Nothing drawn yet")


def test_a_file_that_is_not_an_image_is_reported(page: Page, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not an image")
    draw(page, 7)
    text(page).to_have_text("7")
    page.locator("#file").set_input_files(tmp_path / "text.png")
    expect(page.locator("#status")).to_contain_text("not an image")
    text(page).to_have_text("7")
    draw(page, 3, 1)
    text(page).to_have_text("73")


def test_a_hint_says_why_no_digit_was_found(page: Page, page_server: PageServer) -> None:
    letters = ROOT / "samples" / "letters.png"
    page.locator("#file").set_input_files(letters)
    expect(page.locator(".mark.left-out")).to_have_count(5)
    answer = page.request.post(f"{page_server.address}look", data=letters.read_bytes())
    hint = answer.json()["hint"]
    assert hint
    text(page).to_have_text(hint)
    expect(page.locator("#boxes .left-out")).to_have_count(5)


def test_uncertain_digits_are_marked(page: Page) -> None:
    def mark(digit: int, confidence: float, x: int) -> dict[str, Any]:
        box = [x, 20, 40, 80]
        known = {"digit": digit, "confidence": confidence, "box": box, "line": 0, "number": 0}
        others = [{"digit": 0, "confidence": 0.1}]
        return known | {"place": x, "alternatives": others, "picture": PIXEL}

    answer = {"width": 300, "height": 200, "text": "7", "hint": None, "rotation": 0}
    answer |= {"digits": [mark(7, 0.6, 20)], "left_out": [mark(1, 0.45, 120), mark(2, 0.2, 220)]}
    page.route("**/look", lambda route: route.fulfill(json=answer))
    draw(page, 7)
    text(page).to_have_text("7")
    expect(page.locator(".mark .digit")).to_have_text(["7", "unsure", "not a digit"])
    said = ["unsure, 60.0 %", "perhaps 1, 45.0 %", ""]
    expect(page.locator(".mark .confidence")).to_have_text(said)
    expect(page.locator("#boxes text")).to_have_text("7?")


def test_a_corrected_digit_is_saved_for_training(page: Page, page_server: PageServer) -> None:
    folder = page_server.project / "my_digits"
    draw(page, 7)
    text(page).to_have_text("7")
    assert not folder.exists()
    expect(page.locator("#training")).to_be_hidden()
    page.get_by_label("Correct digit").fill("1")
    page.get_by_role("button", name="Save for training").click()
    expect(page.locator("#kept")).to_contain_text("1 digit saved in my_digits")
    draw(page, 3, 1)
    text(page).to_have_text("73")
    expect(page.locator(".kept-as")).to_have_text(["saved as 1", ""])
    page.get_by_role("button", name="Undo").click()
    text(page).to_have_text("7")
    (kept,) = folder.rglob("*.png")
    assert kept.parent.name == "1"
    with Image.open(kept) as picture:
        assert min(picture.size) > 28
    expect(page.locator("#command")).to_contain_text("train_model.py --data my_digits --from ")
    page.get_by_label("Correct digit").fill("x")
    page.get_by_role("button", name="Save for training").click()
    assert len(list(folder.rglob("*.png"))) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_web_page_is_accessible_in_both_colour_schemes_and_on_small_screens(
    browser: Browser, page_server: PageServer, scheme: Any, width: int
) -> None:
    settings = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    for page in opened(browser, page_server.address, **settings):
        for column, digit in enumerate((7, 3)):
            draw(page, digit, column)
        text(page).to_have_text("73")
        found = Axe().run(page).response["violations"]
        assert not found, [(item["id"], item["nodes"][0]["html"]) for item in found]
        wide, shown = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= shown  # no horizontal scrolling
        page.goto(f"{page_server.address}docs")
        expect(page.get_by_text("/read").first).to_be_visible()


def test_every_control_can_be_reached_with_the_keyboard(page: Page) -> None:
    draw(page, 7)
    text(page).to_have_text("7")
    page.locator("body").focus()
    reached = set()
    for _ in range(40):  # all controls of the page, and again from the start
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"undo", "clear", "choose", "copy-text", "INPUT", "BUTTON", "A"} <= reached


def test_an_unreachable_server_is_reported(browser: Browser, page_server: PageServer) -> None:
    page = browser.new_page()
    page.goto(page_server.address)
    page.route("**/look", lambda route: route.abort())
    draw(page, 7)
    expect(page.locator("#status")).to_contain_text("Is draw_digit.py still running?")
    page.unroute("**/look")
    draw(page, 7, 1)
    text(page).to_have_text("77")
    expect(page.locator("#status")).to_be_empty()
    page.close()


@pytest.mark.parametrize(("angle", "words"), [(90, "90° clockwise"), (180, "by 180°"), (0, None)])
def test_the_page_says_if_a_picture_was_turned(
    page: Page, tmp_path: Path, angle: int, words: str | None
) -> None:
    turned = tmp_path / "turned.png"
    with Image.open(ROOT / "samples" / "number.png") as number:
        number.convert("L").rotate(angle, expand=True, fillcolor=255).save(turned)
    page.locator("#file").set_input_files(turned)
    expect(page.locator("#marks .mark").nth(2)).to_be_visible()
    note = page.locator("#turned")
    if words:
        expect(note).to_have_text(f"The picture was turned {words} to be read.")
        page.get_by_role("button", name="Clear").click()
    expect(note).to_be_hidden()
