"""The web page `/form` creates field files; the tests use a real browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, PageServer

pytest.importorskip("axe_playwright_python")

from axe_playwright_python.sync_playwright import Axe
from drawing import opened
from playwright.sync_api import Browser, CDPSession, Page, expect

from common.forms.checks import CHECKS, DATE_FORMATS
from common.forms.field_file import Form, load_form
from common.forms.proposals import field_file_for

FORM = ROOT / "docs" / "order_form" / "empty.png"
Point = tuple[float, float]


@pytest.fixture
def form_page(browser: Browser, page_server: PageServer) -> Iterator[Page]:
    """The page with the empty order form and proposals for its five fields."""
    for page in opened(browser, page_server.address, viewport={"width": 1280, "height": 1500}):
        page.get_by_role("link", name="mark their fields").click()
        page.wait_for_url("**/form")
        choose(page)
        yield page


def choose(page: Page) -> None:
    """Opens the empty order form on the page."""
    page.locator("#file").set_input_files(FORM)
    expect(page.locator(".box")).to_have_count(5)


def at(page: Page, x: float, y: float) -> Point:
    """Scrolls to a place on the form, given in per cent, and returns its position in pixels."""
    page.locator("#boxes").scroll_into_view_if_needed()
    layer = page.locator("#boxes").bounding_box()
    assert layer is not None
    return layer["x"] + x / 100 * layer["width"], layer["y"] + y / 100 * layer["height"]


def drag(page: Page, start: Point, end: Point) -> None:
    """Drags the mouse from one place to another, in per cent of the form."""
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=5)
    page.mouse.up()


def saved(page: Page, folder: Path) -> dict[str, Any]:
    """Saves the field file into a folder, and returns its content."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the field file").click()
    assert download.value.suggested_filename == "empty.json"
    path = folder / "empty.json"
    download.value.save_as(path)
    content = path.read_text()
    assert isinstance(loaded(path), Form)
    return dict(json.loads(content))


def loaded(path: Path) -> Form:
    """Writes the image of the form beside a saved field file, and loads the file."""
    (path.parent / "empty.png").write_bytes(FORM.read_bytes())
    return load_form(path)


def test_the_proposed_fields_are_the_same_as_those_of_the_command(
    form_page: Page, tmp_path: Path
) -> None:
    expect(form_page.locator("#status:not(.problem)")).to_have_text("5 boxes and combs found.")
    assert saved(form_page, tmp_path) == json.loads(field_file_for(FORM))


def test_a_box_is_drawn_moved_resized_and_described_with_the_mouse(
    form_page: Page, tmp_path: Path
) -> None:
    drag(form_page, (10, 80), (40, 86))
    box = form_page.get_by_role("button", name="field_6")
    expect(box).to_be_focused()
    form_page.get_by_label("Name").fill("due date")
    form_page.get_by_label("Check").select_option("date")
    form_page.get_by_label("Order of day").select_option("YYMMDD")
    expect(form_page.get_by_label("at most")).to_have_value("6")
    form_page.get_by_label("Pattern").fill("[0-9]*")
    drag(form_page, (20, 82), (30, 85))  # move the box
    drag(form_page, (50, 89), (60, 92))  # resize the box at its corner
    form_page.get_by_role("button", name="field_1").click()
    form_page.get_by_label("Check").select_option("iban")
    form_page.get_by_label("Country").fill("de")
    form_page.get_by_label("Digits, at least").fill("3")
    content = saved(form_page, tmp_path)
    assert content["template"] == "empty.png"
    first, *_, last = content["fields"]
    assert last.pop("box") == pytest.approx([20, 83, 40, 9], abs=0.6)
    assert last == {
        "name": "due date",
        "digits": 6,
        "pattern": "[0-9]*",
        "check": "date",
        "format": "YYMMDD",
    }
    assert (first["check"], first["country"]) == ("iban", "DE")
    assert first["digits"] == [3, 8]


def test_a_box_is_added_moved_resized_named_and_deleted_with_the_keyboard(
    form_page: Page, tmp_path: Path
) -> None:
    keys = form_page.keyboard
    form_page.get_by_role("button", name="Add a box").focus()
    keys.press("Enter")
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowLeft", "Shift+ArrowDown"):
        for _ in range(5):
            keys.press(key)
    keys.press("Enter")
    keys.type("total")
    keys.press("Tab")
    keys.type("2")
    form_page.get_by_role("button", name="field_2").focus()
    keys.press("Delete")
    expect(form_page.locator(".box")).to_have_count(5)
    fields = {field["name"]: field for field in saved(form_page, tmp_path)["fields"]}
    assert "field_2" not in fields
    assert fields["total"] == {"name": "total", "box": [36, 46, 29, 6], "digits": [2, 10]}


def test_boxes_stay_inside_the_form(form_page: Page, tmp_path: Path) -> None:
    drag(form_page, (90, 90), (96, 95))
    drag(form_page, (93, 93), (99.9, 99.9))
    for _ in range(30):
        form_page.keyboard.press("Shift+ArrowRight")
    left, top, width, height = saved(form_page, tmp_path)["fields"][-1]["box"]
    assert left + width <= 100 < left + width + 0.1
    assert top + height <= 100


def test_a_box_is_drawn_and_moved_with_a_finger(
    browser: Browser, page_server: PageServer, tmp_path: Path
) -> None:
    settings = {"viewport": {"width": 360, "height": 800}, "has_touch": True, "is_mobile": True}
    for page in opened(browser, page_server.address, **settings):
        page.goto(f"{page_server.address}form")
        choose(page)
        session = page.context.new_cdp_session(page)
        touch(session, at(page, 10, 80), at(page, 40, 86))
        expect(page.locator(".box")).to_have_count(6)
        touch(session, at(page, 20, 82), at(page, 30, 85))
        box = saved(page, tmp_path)["fields"][-1]["box"]
        assert box == pytest.approx([20, 83, 30, 6], abs=1.5)


def touch(session: CDPSession, start: Point, end: Point) -> None:
    """Drags a finger from one pixel to another."""
    for kind, (x, y) in (("touchStart", start), ("touchMove", end)):
        event = {"type": kind, "touchPoints": [{"x": x, "y": y}]}
        session.send("Input.dispatchTouchEvent", event)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_wrong_field_is_reported_and_nothing_is_saved(form_page: Page) -> None:
    form_page.get_by_role("button", name="field_3").click()
    form_page.get_by_label("Name").fill("field_2")
    form_page.get_by_role("button", name="Save the field file").click()
    expect(form_page.locator("#status.problem")).to_contain_text("two fields named 'field_2'")
    form_page.get_by_label("Name").fill("date")
    form_page.get_by_label("at most").fill("")
    form_page.get_by_role("button", name="Save the field file").click()
    expect(form_page.locator("#status")).to_contain_text("digits is")


def test_a_form_can_be_dropped_and_an_unusable_file_is_reported(form_page: Page) -> None:
    for name, content, said in (
        ("empty.png", list(FORM.read_bytes()), "5 boxes"),
        ("text.png", [1, 2, 3], "not an image"),
    ):
        form_page.evaluate(
            """([name, content]) => { const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(content)], name, { type: 'image/png' }));
            document.dispatchEvent(new DragEvent('drop', { dataTransfer: data })); }""",
            [name, content],
        )
        expect(form_page.locator("#status")).to_contain_text(said)
        expect(form_page.locator(".box")).to_have_count(5)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_accessible_in_both_colour_schemes_and_on_small_screens(
    browser: Browser, page_server: PageServer, scheme: Any, width: int
) -> None:
    settings = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    for page in opened(browser, page_server.address, **settings):
        page.goto(f"{page_server.address}form")
        check_layout(page)
        choose(page)
        page.get_by_role("button", name="field_1").focus()
        page.get_by_label("Check").select_option("date")
        check_layout(page)


def check_layout(page: Page) -> None:
    """Checks that the page is accessible and does not scroll sideways."""
    found = Axe().run(page).response["violations"]
    assert not found, [(item["id"], item["nodes"][0]["html"]) for item in found]
    wide, shown = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= shown


def test_the_page_offers_every_check_and_date_format() -> None:
    text = (ROOT / "common" / "web" / "page" / "form.html").read_text()
    assert re.findall(r'<option value="(\w+)"', text) == [*CHECKS]
    assert sorted(re.findall(r"<option>([DMY]+)</option>", text)) == sorted(DATE_FORMATS)
