# make        show this
# make run    set everything up and start: drop pictures into inbox/, find cutouts in outbox/; or on the page, whose
#             address it prints
# make test   every kind of test (five minutes on two cores): of large families, as a kill at every step, one case of each kind
#             PYTEST_ARGS="-k settle -x" is passed on
# make faults the rest of those families: every step, every error, every awkward name (ten minutes)
# make slow   the slow ones: 200 kills at random moments, 3,000 files at once, 50-megapixel pictures
#             no test is in two of these three; all run in parallel, WORKERS=… at once
# make rest   the last two in one run
# make system the service and the shares of this machine: as root, on one with systemd that you can throw away
# make coverage  what of the code ran in the tests that were run with COVERAGE=1 → a table
#             tests with WHEEL=FILE.whl in a new checkout: on that, not on the source tree
# make lint   ruff and mypy
# make bench  beside rembg, where the time goes, encoders, start-up (half an hour) → docs/performance.md
# make bench-daemon  latency, 100,000 known pictures, memory, a backlog, hosts (an hour) → docs/performance.md
# make constraints  choose anew which releases the image is made of → config/container-*.txt, and the tools of a release
# make wheel  sdist and wheel of the last commit → dist/: built twice, and equal
# make dist   sdist, wheel, release notes, SBOM and checksums of the last commit → dist/
# make release  the same, if version, CHANGELOG, Dockerfile and tag agree and all is committed: docs/releasing.md
# make deb    the Debian package of the last commit, for this Debian and processor → dist/: docs/debian.md
# make images  the images for this processor, with labels and tags; CONTAINER=podman where that is used: docs/container.md
# make clean  remove what make made (pictures in inbox/ and outbox/ stay)

VENV ?= .venv
PYTEST_ARGS ?=
BENCHMARKS ?= $(patsubst %,benchmarks/%.py,compare stages encoders startup report)
# Most of the tests with processes wait; four at once keep two processors busy, and six are no faster.
WORKERS ?= 4
DAEMON_BENCHMARKS ?= $(patsubst %,benchmarks/%.py,latency known adopt memory backlog hub report)

bin := $(VENV)/bin
.DEFAULT_GOAL := help
.PHONY: help run test faults slow rest system coverage lint bench bench-daemon constraints wheel dist release deb images clean

# The newest interpreter that is new enough and can make a virtual environment; `make PYTHON=…` decides otherwise.
# Each is really started: a pyenv shim is on the PATH even where its version is not active.
candidates := python3 python3.14 python3.13 python3.12 python3.11
define choose_python
chosen=""; \
for p in $(if $(PYTHON),"$(PYTHON)",$(candidates)); do \
    v=$$("$$p" -c 'import sys; print(*sys.version_info[:2])' 2>/dev/null) || continue; \
    minor=$${v#3 }; [ "$$minor" != "$$v" ] && [ "$$minor" -ge 11 ] || continue; \
    if ! "$$p" -c 'import ensurepip, venv' 2>/dev/null; then bare=$$p; continue; fi; \
    [ -n "$$chosen" ] && [ "$$minor" -le "$$best" ] || { chosen=$$p; best=$$minor; }; \
done; \
if [ -z "$$chosen" ] && [ -n "$$bare" ]; then \
    echo "$$bare is here, but without its venv module. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; \
elif [ -z "$$chosen" ]; then \
    echo "scissorsd needs Python 3.11 or newer, and none was found (tried: $(or $(PYTHON),$(candidates)))." >&2; \
    echo "Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; \
fi
endef

# $(call set_up,EXTRAS): a working virtual environment with scissorsd installed in it, from here or from a wheel
what = $(if $(WHEEL),'$(WHEEL)$(1)',--editable '.$(1)')
define set_up
@$(choose_python); \
if ! $(bin)/python -m pip --version >/dev/null 2>&1; then \
    echo "Making $(VENV) with $$("$$chosen" --version)"; "$$chosen" -m venv --clear $(VENV); \
fi
@echo "Installing scissorsd$(1) into $(VENV) (the first time this fetches some hundred megabytes)"
@$(bin)/python -m pip install --disable-pip-version-check --no-input $(if $(MAKE_TERMOUT),,--quiet) $(what)
endef

$(VENV)/.ready: pyproject.toml
	$(call set_up,[page])
	@touch $@

$(VENV)/.ready-dev: pyproject.toml
	$(call set_up,[dev])
	@touch $(VENV)/.ready $@

# Without the current folder on the path: what was installed is tested. With the tests' bytecode kept: they are read
# by each of the workers.
pytest := PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE= $(bin)/python -m $(if $(COVERAGE),coverage run -m )pytest
# $(call tests,MARKS,HOW): those tests, in parallel, and then one by one those that need the machine alone
alone := $(shell grep -rl --include='*.py' 'mark\.alone' tests)
define tests
$(pytest) --numprocesses $(WORKERS) --dist $(or $(2),worksteal) -m "($(1)) and not alone" $(PYTEST_ARGS) || [ $$? = 5 ]
$(pytest) -m "($(1)) and alone" $(PYTEST_ARGS) $(alone) || [ $$? = 5 ] # 5: there are none
endef

# What stands at the head of this file.
help:
	@sed -n '/^#/!q;s/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.ready
	@mkdir -p inbox outbox
	@echo "Drop pictures into  $(CURDIR)/inbox"
	@echo "and find cutouts in $(CURDIR)/outbox    (Ctrl-C ends it)"
	@echo "How it stands, in another terminal here: $(bin)/scissorsd status    (--help has the rest)"
	@$(bin)/scissorsd watch inbox outbox --mask --page

test: $(VENV)/.ready-dev
	$(call tests,not full and not slow and not system)

faults: $(VENV)/.ready-dev
	$(call tests,full and not slow and not system)

slow: $(VENV)/.ready-dev
	$(call tests,slow and not system)

rest: $(VENV)/.ready-dev
	$(call tests,(full or slow) and not system,load --maxschedchunk 1) # the longest first, and one by one

system: $(VENV)/.ready-dev
	$(pytest) -m system $(PYTEST_ARGS)

coverage: $(VENV)/.ready-dev
	$(bin)/python -m coverage combine --quiet
	$(bin)/python -m coverage report

lint: $(VENV)/.ready-dev
	$(bin)/python -m ruff check .
	$(bin)/python -m ruff format --check .
	$(bin)/python -m mypy

bench: $(VENV)/.ready-dev
	@set -e; for script in $(BENCHMARKS); do echo "== $$script"; $(bin)/python "$$script"; done

bench-daemon:
	@$(MAKE) bench BENCHMARKS="$(DAEMON_BENCHMARKS)"

# Pinned with the hashes of every file, for any processor and any Python from Debian 12's on; whence they come is left
# to whoever installs them.
pin := $(bin)/uv pip compile --quiet --upgrade --system-certs --universal --python-version 3.11 \
    --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links

constraints: $(VENV)/.ready-dev
	@$(bin)/python -m pip install --disable-pip-version-check --quiet uv
	@mkdir -p build/cpu
	@sed 's/"onnxruntime-gpu/"onnxruntime/' pyproject.toml >build/cpu/pyproject.toml
	$(pin) --extra page --extra hosts -o config/container-cpu.txt build/cpu/pyproject.toml
	@echo 'onnxruntime-gpu[cuda,cudnn]' >build/gpu.in
	$(pin) --extra page --extra hosts -o config/container-gpu.txt pyproject.toml build/gpu.in
	@echo hatchling >build/build.in
	$(pin) -o config/container-build.txt build/build.in
	@printf '%s\n' build cyclonedx-bom hatchling >build/release.in
	$(pin) --constraint config/container-build.txt -o config/release.txt build/release.in
	@for file in config/container-*.txt config/release.txt; do { echo '# Made by `make constraints`.'; cat "$$file"; } >build/pinned && cp build/pinned "$$file"; done

# The tools of a release, pinned, in an environment of their own.
build/release-tools: config/release.txt
	@$(choose_python); "$$chosen" -m venv --clear $@
	@$@/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r $<
	@touch $@

wheel: build/release-tools
	$</bin/python release/release.py build

dist: build/release-tools
	$</bin/python release/release.py dist

release: build/release-tools
	@$</bin/python release/release.py check
	$</bin/python release/release.py dist

deb: build/release-tools
	@TOOLS=$(CURDIR)/$</bin/python release/deb.sh
	@[ ! -e dist/SHA256SUMS ] || $</bin/python release/release.py sums

CONTAINER ?= docker
IMAGES ?= cpu $(if $(filter x86_64,$(shell uname -m)),gpu)
images:
	@set -e; \
	version=$$(sed -n 's/^ARG VERSION=//p' Dockerfile); revision=$$(git describe --always --exclude '*' --abbrev=40 --dirty); \
	for target in $(IMAGES); do \
	    case $$target in cpu) tags="$$version $${version%.*} latest" ;; gpu) tags="$$version-gpu $${version%.*}-gpu gpu" ;; esac; \
	    $(CONTAINER) build --target $$target $$(printf ' --tag scissorsd:%s' $$tags) $(if $(MODELS),--build-arg MODELS="$(MODELS)") \
	        --build-arg REVISION="$$revision" --build-arg CREATED="$$(date -u +%Y-%m-%dT%H:%M:%SZ)" $(IMAGE_ARGS) .; \
	done

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
