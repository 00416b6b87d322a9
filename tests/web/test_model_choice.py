"""The web page lists the models, switches between them and compares them."""

import pytest
from conftest import PageServer

pytest.importorskip("playwright.sync_api")

from drawing import draw, text
from playwright.sync_api import Page, expect
from test_models import add_model


def test_the_drawing_is_read_with_the_chosen_model(page: Page, page_server: PageServer) -> None:
    expect(page.locator("#models li")).to_have_count(1)
    expect(page.get_by_role("button", name="Compare")).to_be_hidden()
    add_model(page_server.project / "models", "other")
    page.reload()
    expect(page.locator("#models li")).to_have_count(2)
    expect(page.locator("#models .about").last).to_have_text(
        "mlp, trained on mnist and my_digits, test accuracy 50.00 %"
    )
    draw(page, 7)
    text(page).to_have_text("7")
    with page.expect_response("**/look?model=other"):
        page.get_by_role("radio", name="other").check()
    page.wait_for_timeout(200)
    text(page).to_have_text("7")
    page.get_by_role("button", name="Copy curl command").click()
    expect(page.locator("#status")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()").endswith("read?model=other'")


def test_the_readings_of_all_models_are_shown_side_by_side(
    page: Page, page_server: PageServer
) -> None:
    add_model(page_server.project / "models", "other")
    page.reload()
    draw(page, 7)
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#models .reads strong")).to_have_text(["7", "7"])
    draw(page, 3, 1)
    expect(page.locator("#models .reads strong")).to_have_text(["73", "73"])
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#models .reads").first).to_be_hidden()
