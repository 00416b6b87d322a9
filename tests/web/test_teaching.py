"""The web page lists the saved digits and trains on them."""

import json
import re
import shutil
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import PageServer

pytest.importorskip("axe_playwright_python")

from axe_playwright_python.sync_playwright import Axe
from drawing import draw, opened, text
from playwright.sync_api import Browser, Page, expect
from test_training import write_training


def save_digit(page: Page, digit: int, label: int | None = None) -> None:
    """Draws a digit and saves it for training under a label, by default the digit itself."""
    label = digit if label is None else label
    draw(page, digit)
    text(page).to_have_text(str(digit))
    page.get_by_label("Correct digit").fill(str(label))
    page.get_by_role("button", name="Save for training").click()
    expect(page.locator(".kept-as")).to_have_text(f"saved as {label}")
    page.get_by_role("button", name="Clear").click()


@pytest.fixture
def project(page_server: PageServer) -> Iterator[PageServer]:
    """The server with a stand-in for `train_model.py`, which waits for a file named `go`."""
    for folder in ("my_digits", "models"):
        shutil.rmtree(page_server.project / folder, ignore_errors=True)
    (page_server.project / "models").mkdir()
    (page_server.project / "go").unlink(missing_ok=True)
    write_training(page_server.project)
    yield page_server
    urllib.request.urlopen(f"{page_server.address}cancel", b"")
    for _ in range(100):
        with urllib.request.urlopen(f"{page_server.address}training") as answer:
            if b'"running"' not in answer.read():
                break
        time.sleep(0.1)


def test_saved_digits_are_listed_and_can_be_deleted(project: PageServer, page: Page) -> None:
    save_digit(page, 7)
    save_digit(page, 3)
    expect(page.locator("#kept-digits .label")).to_have_text(["3", "7"])
    for picture in page.locator("#kept-digits img").all():
        assert picture.evaluate("async (img) => { await img.decode(); return img.naturalWidth; }")
    page.get_by_role("button", name="Delete this 7").click()
    expect(page.locator("#kept")).to_have_text("1 digit saved in my_digits.")
    (left,) = (project.project / "my_digits").rglob("*.png")
    assert left.parent.name == "3"
    page.get_by_role("button", name="Delete this 3").click()
    expect(page.locator("#training")).to_be_hidden()


@pytest.mark.parametrize(("scheme", "width"), [("dark", 360), ("light", 1280)])
def test_the_progress_of_training_is_shown_and_its_model_can_be_used(
    browser: Browser, project: PageServer, scheme: Any, width: int
) -> None:
    settings: dict[str, Any] = {"viewport": {"width": width, "height": 800}}
    for page in opened(browser, project.address, color_scheme=scheme, **settings):
        save_digit(page, 7)
        page.get_by_role("button", name="Train on them").click()
        state = page.locator("#training-state")
        expect(state).to_contain_text("Epoch 0.5 of 2, accuracy 50.0%", timeout=10_000)
        expect(page.get_by_role("button", name="Train on them")).to_be_hidden()
        page.reload()  # training continues
        expect(state).to_contain_text("Epoch 0.5 of 2")
        expect(page.locator("#accuracy-curve polyline")).to_be_attached()
        draw(page, 3)
        text(page).to_have_text("3")
        (project.project / "go").touch()
        expect(state).to_have_text(re.compile(r"Trained the model my_digits_\d"), timeout=10_000)
        expect(page.locator("#accuracy-curve circle")).to_have_count(2)
        expect(page.locator("#comparison")).to_contain_text("before")
        expect(page.locator("#scores th").nth(1)).to_have_text(re.compile(r"after: my_digits_\d"))
        expect(page.locator("#pairs li")).to_have_count(1)
        page.get_by_role("button", name="Read with my_digits").click()
        chosen = page.locator("[name=model]:checked")
        expect(chosen).to_have_value(re.compile(r"my_digits_\d"))
        text(page).to_have_text("3")
        found = Axe().run(page).response["violations"]
        assert not found, [(item["id"], item["nodes"][0]["html"]) for item in found]
        wide, shown = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= shown


def test_the_page_shows_how_saved_digits_are_read_before_and_after_training(
    project: PageServer, page: Page
) -> None:
    save_digit(page, 7)
    save_digit(page, 3, label=8)
    (project.project / "go").touch()
    page.get_by_role("button", name="Train on them").click()
    expect(page.locator("#scores")).to_be_visible(timeout=10_000)  # appears without a click
    rows = page.locator("#scores tbody tr")
    expect(rows.first.locator("td")).to_have_text(["1 of 2", "1 of 2"])
    expect(rows.last.locator("th")).to_have_text("test accuracy on mnist")
    accuracies = rows.last.locator("td").all_inner_texts()
    assert accuracies[0] == accuracies[1]
    assert re.fullmatch(r"99\.\d\d %", accuracies[0])
    expect(page.locator("#pairs .read")).to_have_text(["✗ 3", "✗ 3", "✓ 7", "✓ 7"])
    page.reload()
    expect(page.locator("#scores")).to_be_hidden()
    page.get_by_text("Before and after", exact=True).click()
    expect(page.locator("#pairs li")).to_have_count(2)


def test_a_model_that_was_trained_on_the_page_can_be_deleted(
    project: PageServer, page: Page
) -> None:
    save_digit(page, 7)
    (project.project / "go").touch()
    page.get_by_role("button", name="Train on them").click()
    page.get_by_role("button", name="Read with my_digits_1").click(timeout=10_000)
    expect(page.locator("[name=model]:checked")).to_have_value("my_digits_1")
    button = page.get_by_role("button", name="Delete the model")
    expect(button).to_have_count(1)
    page.once("dialog", lambda dialog: dialog.dismiss())
    button.click()
    expect(page.locator("#models li")).to_have_count(2)
    page.once("dialog", lambda dialog: dialog.accept())
    button.click()
    expect(page.locator("#models li")).to_have_count(1)
    expect(page.locator("[name=model]:checked")).to_have_value("pretrained.tflite")
    expect(page.get_by_role("button", name="Read with")).to_be_hidden()
    expect(page.locator("#before-and-after")).to_be_hidden()
    draw(page, 3)
    text(page).to_have_text("3")


def test_the_remaining_time_counts_down(project: PageServer, page: Page) -> None:
    save_digit(page, 7)
    training = json.loads(urllib.request.urlopen(f"{project.address}training").read())
    rows = [{"epoch": 0.5, "loss": 0.5, "accuracy": 0.9}]
    training |= {"state": "running", "epochs": 2, "history": rows}
    answers = iter([10, 20, 39.5])
    page.route(
        "**/training", lambda route: route.fulfill(json=training | {"seconds": next(answers)})
    )
    page.reload()
    state = page.locator("#training-state")
    for left in (", about 30 s left", ", about 20 s left", ""):
        expect(state).to_have_text(f"Epoch 0.5 of 2, accuracy 90.0%{left}")


def test_after_the_last_epoch_the_page_says_that_the_accuracy_is_being_measured(
    project: PageServer, page: Page
) -> None:
    save_digit(page, 7)
    rows = [{"epoch": 2, "loss": 0.5, "accuracy": 0.9}]
    training = json.loads(urllib.request.urlopen(f"{project.address}training").read())
    training |= {"state": "running", "epochs": 2, "history": rows, "seconds": 9}
    page.route("**/training", lambda route: route.fulfill(json=training))
    page.reload()
    expect(page.locator("#training-state")).to_have_text(
        "Measuring the accuracy before and after …"
    )


def test_the_progress_is_shown_again_after_a_failed_request(
    project: PageServer, page: Page
) -> None:
    save_digit(page, 7)
    page.get_by_role("button", name="Train on them").click()
    state = page.locator("#training-state")
    expect(state).to_contain_text("Epoch 0.5", timeout=10_000)
    page.route("**/training", lambda route: route.fulfill(body="damaged"))
    expect(state).not_to_contain_text("Epoch")
    page.unroute("**/training")
    expect(state).to_contain_text("Epoch 0.5")


def test_training_can_be_cancelled(project: PageServer, page: Page) -> None:
    save_digit(page, 7)
    page.get_by_role("button", name="Train on them").click()
    expect(page.locator("#training-state")).to_contain_text("Epoch 0.5", timeout=10_000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#training-state")).to_have_text(
        "The training was cancelled.", timeout=10_000
    )
    expect(page.get_by_role("button", name="Train on them")).to_be_visible()
