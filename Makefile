# Two commands do everything on a fresh machine: `make demo` and `make test`.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PY := .venv/bin/python
OBJECT := src/sekisho/gate/gate.bpf.o

.PHONY: venv bpf check lock

venv: .venv/ready

.venv/ready: requirements-dev.lock pyproject.toml
	test -x $(PY) || python3 -m venv .venv
	$(PY) -m pip install --quiet --require-hashes -r requirements-dev.lock
	$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

bpf: $(OBJECT)

# The newest clang there is: Debian 12 has 14, Debian 13 has 19.
newest = $(shell ls /usr/bin/$(1) /usr/bin/$(1)-[0-9]* 2>/dev/null | sort -V | tail -n 1)

$(OBJECT): bpf/gate.bpf.c bpf/gate.h bpf/parse.h
	mkdir -p $(@D)
	$(call newest,clang) -O2 -g -target bpf -mcpu=v3 -Wall -Werror \
	    -I/usr/include/$(shell uname -m)-linux-gnu -c $< -o $@
	$(call newest,llvm-strip) -g $@

check: venv
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

lock: venv
	$(PY) -m pip install --quiet uv
	for list in requirements requirements-dev; do \
	    $(PY) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	        --no-emit-index-url --custom-compile-command 'make lock' $$list.in -o $$list.lock; \
	done
