PYTHON := .venv/bin/python
DEMO := datasets/demo
RUN := runs/demo/$(shell date +%Y-%m-%d_%H-%M-%S)

.PHONY: install demo ui test lint format

install:
	@./install.sh

# Unpretrained unit-length features barely learn behind a linear head in minutes: hence the arc head.
# Drawn videos -> faces -> manifests -> training -> cross-dataset table -> report. Finished steps are not done again.
demo: install
	@$(PYTHON) -m preprocessing.demo.draw --output $(DEMO)/raw
	@for set in FaceForensics++ Celeb-DF-v2; do \
	    $(PYTHON) preprocessing/preprocess.py --dataset $$set --root $(DEMO)/raw/$$set --output $(DEMO) --paired || exit; \
	done
	@$(PYTHON) preprocessing/rearrange.py --dataset FaceForensics++ Celeb-DF-v2 \
	    --datasets $(DEMO) --output $(DEMO)/manifests
	@$(PYTHON) training/train.py --detector_path config/detector/clip_freq.yaml --protocol demo --output $(RUN) \
	    --set detector.head=arc --set detector.consistency=1.0
	@$(PYTHON) -m analysis.report $(RUN) --output $(RUN)/report.html

ui: install
	@$(PYTHON) -m training.ui

test: install
	@$(PYTHON) -m pytest -q

lint: install
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .

format: install
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .
