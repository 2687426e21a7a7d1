# Two commands do everything on a fresh machine: `make demo` and `make test`. `make help` lists the others.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
export PATH := $(PATH):/usr/sbin:/sbin
# Where it is set, each of the tests' many processes would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
OBJECT := src/sekisho/gate/gate.bpf.o

.PHONY: help demo test check bench bench-trial fuzz wheel kernel-test venv bpf lock clean

help: ## list these targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | expand -t 14

demo: ## a small Internet on this machine: a spam run meets the gate, a trial measures the effect, a line is reported
	@tools/setup.sh demo
	@$(MAKE) --no-print-directory bpf
	@$(BIN)/sekisho lab run
	@mkdir -p build
	@$(BIN)/sekisho lab trial --html build/trial-report.html
	@$(BIN)/sekisho lab desk

# Three at a time, also on two cores: most tests wait most of the time. By file: what is made once for a file is
# made once. In the order of the directories: those that take long come before the many short ones, and none alone at
# the end.
test: ## every test but those on other kernels
	@tools/setup.sh test
	@$(MAKE) --no-print-directory bpf
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

check: ## ruff, mypy, import-linter
	@tools/setup.sh check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: ## figures beside those of plain forwarding, conntrack, nftables and HAProxy
	@tools/setup.sh bench
	@$(MAKE) --no-print-directory bpf
	$(BIN)/python -m bench

# One thread in each of the processes: with more, they wait for each other.
bench-trial: ## how often the trial's analysis and guardrails err, by simulation
	@tools/setup.sh check
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m bench.trial

SECONDS := 3600

fuzz: ## the desk's parsers against damaged reports, for an hour: SECONDS=3600
	@tools/setup.sh check
	nice -n 19 $(BIN)/python -m tests.desk.fuzz $(SECONDS) $$RANDOM

wheel: ## dist/sekisho-*.whl, with the kernel program in it
	@tools/setup.sh wheel
	@$(MAKE) --no-print-directory bpf
	rm -rf build/lib build/bdist.*
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

kernel-test: ## the kernel tests inside other kernels, under qemu
	@tools/setup.sh kernel-test
	@$(MAKE) --no-print-directory bpf
	tests/kernels/run.sh

venv: ## .venv alone
	@tools/setup.sh check

bpf: $(OBJECT) ## the kernel program alone
	@:

# Debian 12 has clang-14, Debian 13 clang-19: the newest there is.
newest = $(lastword $(1) $(shell ls /usr/bin/$(1)-[0-9]* 2>/dev/null | sort -V))

$(OBJECT): bpf/gate.bpf.c $(wildcard bpf/*.h)
	mkdir -p $(@D)
	$(call newest,clang) -O2 -g -target bpf -mcpu=v3 -Wall -Werror -ffile-prefix-map=$(CURDIR)=. \
	    -I/usr/include/$(shell uname -m)-linux-gnu -c $< -o $@
	$(call newest,llvm-strip) -g $@

lock: venv ## pin the newest versions of what requirements*.in name
	$(BIN)/python -m pip install --quiet uv
	for list in requirements requirements-dev; do \
	    $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	        --no-emit-index-url --custom-compile-command 'make lock' $$list.in -o $$list.lock; \
	done

clean: ## everything that was made here; the machine's packages stay
	rm -rf .venv build dist src/*.egg-info $(OBJECT)
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
