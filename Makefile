# make run    set everything up, train a network, evaluate it and read the sample images
# make test   run the tests
# make test-web  get a browser (Debian's Chromium) and test the page to draw on with it
# make faults the tests that take many minutes: trainings killed fifty times, about 5 minutes
# make fuzz   20,000 mutated images and 2,000 mutated model and data files, about 2 minutes
# make lint   check style and types
# make bench  measure speed against the usual ways, about 15 minutes

PYTHON ?= python3
BIN := .venv/bin
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

.PHONY: run test test-web browser faults fuzz lint format bench
.DELETE_ON_ERROR:

run: .venv/installed
	$(BIN)/python train_model.py $(if $(wildcard models/*.checkpoint),--resume,--preset fast)
	$(BIN)/python evaluate_model.py --model $$(ls -t models/*.keras | head -1)
	$(BIN)/python predict_image.py --model $$(ls -t models/*.tflite | head -1) samples

test: .venv/installed-dev
	$(BIN)/python -m pytest

test-web: .venv/installed-dev browser
	$(BIN)/python -m pytest $(wildcard tests/test_web_*.py)

browser:
	command -v chromium || command -v google-chrome || command -v chrome || \
	  { $(SUDO) apt-get update -qq && \
	    $(SUDO) apt-get install -qq --no-install-recommends chromium; }

faults: .venv/installed-dev
	$(BIN)/python -m pytest -m long

fuzz: .venv/installed-dev
	$(BIN)/python tests/fuzz.py

bench: .venv/installed-dev
	$(BIN)/python -m benchmarks

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/installed: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/installed-dev: .venv/installed requirements/dev.txt requirements/web.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	touch $@
