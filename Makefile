# Works on a bare Debian 12 with Python 3.11 and make; as root it installs the system packages it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
export PYTHON

.PHONY: demo test fuzz clean

demo: $(VENV)/.demo  ## track a sample movie and write labels and pictures into ./demo
	$(BIN)/napari-sam2 demo --output demo --overwrite

# The last lines of tox tell the time that each environment took.
test: $(VENV)/.tox  ## style, types and tests, with the oldest and the newest napari
	@tools/system_packages.sh test
	$(BIN)/tox run

fuzz: $(VENV)/.tox  ## hours: random work of many kinds, other every time
	@tools/system_packages.sh test
	$(BIN)/tox run -e napari-newest -- -n 2 --timeout 0 --hypothesis-profile long -k Machine

clean:
	rm -rf $(VENV) .tox demo

$(VENV)/.created:
	@tools/system_packages.sh demo
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.created pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.tox: $(VENV)/.created constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt tox
	touch $@
