# make run       read the samples with the pretrained models; then install TensorFlow, train a network,
#                evaluate it, and show how it reads the same samples
# make read      install the libraries for reading (seconds, no TensorFlow) and read the samples
# make test      run the tests in three processes, under 4 minutes
# make test-ray  test reading with a local Ray cluster, about a minute
# make test-web  test the web page in a browser, about 2 minutes; installs Chromium if necessary
# make test-jax  test networks and training with JAX, about 8 minutes
# make faults    kill training fifty times, and batches of 20,000 images, about 8 minutes
# make fuzz      read 20,000 mutated images, 2,000 mutated model and data files and hostile models,
#                about 15 minutes
# make lint      check the code's style and types
# make format    format the code
# make bench     compare the speed with common alternatives, about 15 minutes

PYTHON ?= python3
BIN := .venv/bin
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

.PHONY: run read test test-ray test-web test-jax browser faults fuzz lint format bench
.NOTPARALLEL:  # with -j, make would install TensorFlow while it reads the samples
.DELETE_ON_ERROR:

run: read .venv/installed
	$(BIN)/python train_model.py --output make_run \
	  $(if $(wildcard models/make_run.checkpoint/state.json),--resume,--preset fast --overwrite)
	$(BIN)/python evaluate_model.py --model models/make_run.keras
	@echo; echo "How the pretrained model (left) and the new model (right) read the samples:"
	@$(BIN)/python predict_image.py samples > .venv/left
	@$(BIN)/python predict_image.py --model models/make_run.tflite samples > .venv/right
	@for side in left right; do \
	  sed -e 's/  *[0-9.]*%.*//' -e 's/ found.*//' .venv/$$side > .venv/$$side.txt; done
	@diff -y -W 80 .venv/left.txt .venv/right.txt || true

read: .venv/reading
	$(BIN)/python predict_image.py samples

# Some tests wait for time limits, so three processes keep two cores busy. With worksteal, a process
# that has finished its tests takes over some of another process's tests.
test: .venv/installed-dev
	$(BIN)/python -m pytest --numprocesses 3 --dist worksteal

test-ray: .venv/installed-dev
	$(BIN)/python -m pytest -m "ray and not long"

test-web: .venv/installed-dev browser
	$(BIN)/python -m pytest -m browser --numprocesses 2 --dist worksteal

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

.venv/reading: requirements/predict.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/predict.txt
	touch $@

.venv/installed: .venv/reading requirements.txt
	@echo "Installing TensorFlow and the other libraries for training (2.5 GB) ..."
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/installed-dev: .venv/installed requirements/dev.txt requirements/photos.txt requirements/web.txt requirements/ray.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	touch $@
