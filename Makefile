# `make run` and `make test` need Python 3.11+ and make, nothing else.

PYTHON ?= $(or $(firstword $(foreach name,python3 python3.11 python3.12 python3.13 python3.14,\
	$(shell $(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null))),python3)
VENV_PYTHON = .venv/bin/python
# One worker more than cores, seven at most: tests wait for more than a third of their time.
JOBS ?= $(shell cores=$$(nproc); echo $$((cores > 6 ? 7 : cores + 1)))

.DEFAULT_GOAL = help
.PHONY: help run migrate reset-data install install-dev page chromium nginx pgbouncer test bench trials soak \
	check format lock clean

help:  ## show this
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: page  ## set everything up and run it, with a WhatsApp network and a YClients page beside it
	@exec $(VENV_PYTHON) -m sandbox.run

migrate: install  ## bring the database named by DATABASE_URL up to date
	@$(VENV_PYTHON) -m shared.db_migrations

reset-data: install  ## delete the local data: databases, links, generated secrets
	@$(VENV_PYTHON) -m sandbox.run.reset

install:  ## make .venv hold what running needs
	@command -v $(PYTHON) >/dev/null || { echo 'ai-admin: there is no python3 here. Install Python 3.11 or newer.' >&2; exit 1; }
	@$(PYTHON) tools/environment.py runtime

install-dev:  ## make .venv hold what tests and checks need, too
	@command -v $(PYTHON) >/dev/null || { echo 'ai-admin: there is no python3 here. Install Python 3.11 or newer.' >&2; exit 1; }
	@$(PYTHON) tools/environment.py dev

page: install  ## build the onboarding page
	@$(VENV_PYTHON) -m api_service.frontend.build

chromium:  ## a browser for the browser tests: the machine's, or from apt when root
	@tools/chromium.sh

nginx:  ## an nginx for the tests of deploy/nginx.conf: the machine's, or unpacked from apt
	@tools/nginx.sh

pgbouncer:  ## a PgBouncer for the tests of deploy/pgbouncer.ini: the machine's, or unpacked from apt
	@tools/pgbouncer.sh

test: install-dev page chromium nginx pgbouncer  ## every test; TESTS=tests/unit chooses some
	@# What was compiled is kept, whatever the environment says: tests start hundreds of processes.
	PYTHONDONTWRITEBYTECODE= $(VENV_PYTHON) -m pytest -n $(JOBS) --dist loadfile $(TESTS)

bench: install-dev page chromium  ## every figure beside its limit or peer, in one run; about 20 minutes
	$(VENV_PYTHON) -m benchmarks

trials: install-dev page  ## long runs that must leave nothing behind; ATTEMPTS=500
	$(VENV_PYTHON) -m benchmarks.trials --attempts $(or $(ATTEMPTS),500)

soak: install-dev  ## a day of salons' lives in MINUTES=20, after which nothing has grown
	$(VENV_PYTHON) -m benchmarks.soak --minutes $(or $(MINUTES),20)

check: install-dev page  ## what CI checks besides the tests
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m mypy .
	$(VENV_PYTHON) .venv/bin/lint-imports
	$(VENV_PYTHON) -m tools.lock_files check
	$(VENV_PYTHON) -m tools.hygiene
	$(VENV_PYTHON) -m api_service.frontend.build --check

format: install-dev  ## put the code into its form
	$(VENV_PYTHON) -m ruff check --fix .
	$(VENV_PYTHON) -m ruff format .

lock: install-dev  ## make the lock files anew from pyproject.toml
	$(VENV_PYTHON) -m tools.lock_files write

clean:  ## delete what was built and cached; data and .venv stay
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build api_service/frontend/dist
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
