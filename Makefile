# Two commands do everything: `make figures` and `make test`.  Each builds what it needs.
VENV    := .venv
PYTHON3 ?= python3
PYTHON  := $(VENV)/bin/python
READY   := $(VENV)/.ready
JOBS    ?= 2
NB      ?=
OF      ?=
ARGS    ?=
DEVICE  ?= auto
LONGEST_FIRST := $(shell grep -o 'run time | about [0-9]*' notebooks/*.ipynb | sort -t' ' -nrk5 | cut -d: -f1)
HAS_GPU := $(PYTHON) -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'

.DEFAULT_GOAL := help
.PHONY: help figures run test device lint unit notebooks bench bench-gpu refresh site app animations picture lab clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml constraints.txt
	@$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; name one, such as PYTHON3=python3.12"; exit 1; }
	$(PYTHON3) -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e .[site,app,animations]
	@$(PYTHON) -m saddle_utils.dynamics
	@touch $(READY)

figures: $(READY)  ## run the notebooks that are out of date: figures/, data, claims
	@$(PYTHON) -m saddle_utils.notebook.runner --jobs $(JOBS)

run: $(READY)  ## one notebook with your parameters: make run NB=01_linear_rank ARGS="-p seed 7"
	@$(PYTHON) -m saddle_utils.notebook.runner $(NB) $(ARGS)

test: $(READY)  ## ruff, pytest, nbval; on the GPU too where there is one (DEVICE=cuda asks for it)
	$(MAKE) --no-print-directory device lint unit notebooks

device: $(READY)
	@if [ "$(DEVICE)" = cpu ] || { [ "$(DEVICE)" = auto ] && ! $(HAS_GPU); }; \
	  then echo "on the CPU alone: CUDA tests are skipped"; \
	  else $(PYTHON) -m saddle_utils.notebook.runner --jobs $(JOBS) -p device $(DEVICE:auto=cuda); fi

lint: $(READY)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check saddle_utils tests

unit: $(READY)
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest tests -p no:nbval -n $(JOBS) --dist loadscope --no-loadscope-reorder

notebooks: $(READY)
	SADDLE_OUTPUT_DIR=build/nbval OMP_NUM_THREADS=1 PYDEVD_DISABLE_FILE_VALIDATION=1 \
	  $(PYTHON) -m pytest --nbval-lax $(LONGEST_FIRST) -n $(JOBS) --dist loadscope --no-loadscope-reorder

refresh: $(READY)  ## run what is out of date and copy the clean results back to notebooks/
	@$(PYTHON) -m saddle_utils.notebook.runner --jobs $(JOBS) --refresh

bench: $(READY)  ## time the engines beside what others would use: figures/BENCHMARKS.md
	-@$(PYTHON) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@$(PYTHON) -m saddle_utils.bench

bench-gpu: $(READY)  ## the GPU table of the benchmark, on a machine that has one
	@$(PYTHON) -m saddle_utils.bench --gpu

site: $(READY)  ## the site, with the explorable page: build/site (needs npm)
	@$(PYTHON) -m saddle_utils.site

app: $(READY)  ## all explorers in one page, on this machine
	@$(PYTHON) -m saddle_utils.site.app

animations: $(READY)  ## Figure 1 in motion: build/animations
	@$(PYTHON) -m saddle_utils.site.animations

picture: $(READY)  ## an explorer's picture: make picture OF=linear_rank.explorer ARGS="-p width 7"
	@$(PYTHON) -m saddle_utils.site.picture $(OF) $(ARGS)

lab: $(READY)  ## open the notebooks in JupyterLab
	$(VENV)/bin/jupyter lab notebooks

clean:  ## remove the environment and all runs (figures/ stays)
	rm -rf $(VENV) build
