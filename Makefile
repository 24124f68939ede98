PYTHON := .venv/bin/python
DEMO := datasets/demo
SIZE := small
RUN := runs/demo/$(shell date +%Y-%m-%d_%H-%M-%S)

.PHONY: install demo demo-videos demo-attribution demo-pictures demo-data leaderboard ui test bench bench-gpu docs lint format

install:
	@./install.sh

# Drawn videos -> faces -> manifests. Preprocessing that is finished is not done again.
demo-videos: install
	@$(PYTHON) -m preprocessing.demo.draw --size $(SIZE) --output $(DEMO)/raw
	@for set in FaceForensics++ Celeb-DF-v2; do \
	    $(PYTHON) preprocessing/preprocess.py --dataset $$set --root $(DEMO)/raw/$$set --output $(DEMO) --paired || exit; \
	done
	@$(PYTHON) preprocessing/rearrange.py --dataset FaceForensics++ Celeb-DF-v2 \
	    --datasets $(DEMO) --output $(DEMO)/manifests

# Unpretrained unit-length features barely learn behind a linear head in minutes: hence the arc head.
# ... -> check -> training -> cross-dataset table -> heat maps of errors -> report.
demo: demo-videos
	@$(PYTHON) preprocessing/check.py --dataset FaceForensics++ Celeb-DF-v2 --datasets $(DEMO) --manifests $(DEMO)/manifests
	@$(PYTHON) training/train.py --detector_path config/detector/clip_freq.yaml --protocol demo --output $(RUN) \
	    --set detector.head=arc --set detector.consistency=1.0
	@$(PYTHON) training/test.py --weights_path $(RUN)/best.safetensors --protocol demo --explain 4 --cost \
	    --output $(RUN)/test > $(RUN)/test.log
	@$(PYTHON) -m analysis.report $(RUN) --output $(RUN)/report.html

ui: install
	@$(PYTHON) -m training.ui

# Drawn pictures, forged in eight ways -> manifest.
demo-pictures: install
	@$(PYTHON) -m preprocessing.demo.draw --attribution --output $(DEMO)/raw
	@$(PYTHON) preprocessing/preprocess.py --dataset Attribution-Demo --layout folder --root $(DEMO)/raw/Attribution-Demo \
	    --output $(DEMO) --detector already-cropped --no-landmarks --size 64
	@$(PYTHON) preprocessing/rearrange.py --dataset Attribution-Demo --datasets $(DEMO) --output $(DEMO)/manifests

# ... -> CAL with and without knowing how many classes there are -> report.
demo-attribution: demo-pictures
	@$(PYTHON) training/train.py --detector_path config/detector/cal.yaml --protocol demo_attribution --output $(RUN)/with_k
	@$(PYTHON) training/train.py --detector_path config/detector/cal.yaml --protocol demo_attribution \
	    --set detector.prune=true --set data.recipe.clusters=45 --output $(RUN)/without_k
	@$(PYTHON) -m analysis.report $(RUN) --output $(RUN)/report.html

# All that the recorded rows of the demos need (training/reproduce.py), and the runs behind them.
demo-data: demo-videos demo-pictures

leaderboard: demo-data
	@$(PYTHON) -m benchmarks.leaderboard

test: install
	@$(PYTHON) -m pytest -q

# The documentation as a site, in build/docs.
docs: install
	@NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict --quiet --config-file docs/site/mkdocs.yml
	@echo build/docs/index.html

# What loading, steps, predictions and starts cost on this machine's CPU; about ten minutes of one core.
bench: install
	@$(PYTHON) -m benchmarks.loading
	@$(PYTHON) -m benchmarks.steps --faces 256
	@$(PYTHON) -m benchmarks.startup || echo "slower than it should be, or a busy machine"

# The same on a GPU, with real networks, and what bf16 does to losses.
bench-gpu: install
	@$(PYTHON) -m benchmarks.loading --device cuda --workers 8 --output benchmarks/results/loading_cuda.json
	@$(PYTHON) -m benchmarks.steps --device cuda --size full --seconds 5 --faces 2048 --workers 16
	@$(PYTHON) -m benchmarks.precision --device cuda --size full --batch 32 --workers 8

lint: install
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .

format: install
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .
