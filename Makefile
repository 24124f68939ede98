PYTHON := .venv/bin/python

.PHONY: install demo test lint format

install:
	@./install.sh

demo: install
	@$(PYTHON) -m preprocessing.demo.run

test: install
	@$(PYTHON) -m pytest -q

lint: install
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .

format: install
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .
