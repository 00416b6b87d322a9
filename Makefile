# make run       install everything, train a network, evaluate it and read the sample images
# make test      run the tests
# make test-web  install a browser (Debian's Chromium) and test the web page in it
# make test-jax  test networks and training with JAX, about 8 minutes
# make faults    kill training fifty times, and reading of 20,000 images five times, about 8 minutes
# make fuzz      read 20,000 mutated images, 2,000 mutated model and data files and hostile models,
#                about 15 minutes
# make lint      check style and types
# make format    fix style
# make bench     measure speed against common alternatives, about 15 minutes

PYTHON ?= python3
BIN := .venv/bin
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

.PHONY: run test test-web test-jax browser faults fuzz lint format bench
.DELETE_ON_ERROR:

run: .venv/installed
	$(BIN)/python train_model.py $(if $(wildcard models/*.checkpoint),--resume,--preset fast)
	$(BIN)/python evaluate_model.py --model $$(ls -t models/*.keras | grep -v finder | head -1)
	$(BIN)/python predict_image.py --model $$(ls -t models/*.tflite | grep -v finder | head -1) samples

test: .venv/installed-dev
	$(BIN)/python -m pytest

test-web: .venv/installed-dev browser
	$(BIN)/python -m pytest tests/web

test-jax: .venv/installed-dev
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/jax.txt
	KERAS_BACKEND=jax $(BIN)/python -m pytest tests/test_networks.py tests/training

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

.venv/installed: requirements.txt requirements/predict.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/installed-dev: .venv/installed requirements/dev.txt requirements/photos.txt requirements/web.txt requirements/ray.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	touch $@
