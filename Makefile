# Every way to run the project. `make demo` and `make test` need python3 (3.11 or newer) and make, no other step;
# with a C compiler they build the fast engine too. Another Python: make test PYTHON=python3.13 VENV=.venv-3.13

PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?= -n auto --dist worksteal # neighbours on one core, for what a file starts once, a browser say
PORT ?= 8000

BIN := $(VENV)/bin
ROWS := $(patsubst %,autodiff/%.py,op ops symbols namespaces recording codegen native/generate)
SOURCES := pyproject.toml setup.py $(ROWS) $(wildcard autodiff/native/*.pyx autodiff/native/*.pxi autodiff/native/blocks.h autodiff/native/tape*.h)
ENGINE = $(BIN)/python -c "from autodiff import engine; print(engine.name)"
# The tests that need more than Python and a C compiler, and the files that hold only such.
TOOLS := browser or notebook or conformance
TOOL_FILES := $(shell grep -lE 'mark\.($(subst $() or ,|,$(TOOLS)))' tests/test_*.py)
ONLY_TOOLS := $(shell grep -lE '^pytestmark = .*mark\.($(subst $() or ,|,$(TOOLS)))' tests/test_*.py)
# The tests of behaviour that run on both engines: those of autodiff and of nn, not those of pictures and of the site.
ENGINE_FILES := autodiff nn $(filter-out tests/test_site_% $(ONLY_TOOLS),$(shell grep -LE '^ *(from|import) viz\b' tests/test_*.py))
AGAIN := --hypothesis-profile=again
ENGINE_TESTS := not once and not ($(TOOLS))

# The tests start hundreds of Pythons: without, each would compile what it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-rest engine-test lint bench accuracy fuzz mutants stress sanitize notebooks lab site site-open clean
.DELETE_ON_ERROR:

demo: $(VENV)/.installed
	@mkdir -p demo
	$(BIN)/autodiff "q = x + y; f = q * z" x=-2 y=5 z=-4 --out demo/graph.svg --out demo/graph.png --out demo/steps.html
	$(BIN)/python docs/examples/demo.py demo
	@echo "In $(CURDIR)/demo: steps.html (open it in a browser), graph.svg, graph.png, moons.png, iris.png, digits.png"
	@echo "The course, eleven notebooks from the first gradient to a transformer: make lab"

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(PYTEST_ARGS) --durations=10 -m "not ($(TOOLS))" $(addprefix --ignore=,$(ONLY_TOOLS))
	@if [ "$$($(ENGINE))" = native ]; then \
	    echo "Once more, on the reference engine:"; \
	    $(BIN)/python -m pytest $(PYTEST_ARGS) $(AGAIN) --engine=python -m "$(ENGINE_TESTS)" $(ENGINE_FILES); \
	fi

# What `make test` leaves out. It wants Chromium, axe, the built site (make site), PyTorch and JAX, and says what is missing.
test-rest: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS) --durations=10 -m "$(TOOLS)" $(TOOL_FILES)

# For another Python, in CI: no tool but Python is needed, so not what compares with PyTorch and JAX, nor notebooks; nor
# the slow ones that say the same on every Python: of digits, of what is drawn at random, of scikit-learn's own checks.
NOT_ELSEWHERE := gradbench mutants nn_estimators notebooks row_digits testing_%
engine-test: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(PYTEST_ARGS) $(AGAIN) -m "$(ENGINE_TESTS)" \
	    $(filter-out $(patsubst %,tests/test_%.py,$(NOT_ELSEWHERE)),$(ENGINE_FILES))

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

bench: $(VENV)/.installed-bench
	@for benchmark in $(wildcard $(addprefix benchmarks/,eager.py rows.py gradbench training.py transformer.py program.py tape.py epochs.py scores.py layout.py)); do \
	    $(BIN)/python $$benchmark || exit 1; \
	done

accuracy: $(VENV)/.installed-bench
	$(BIN)/python benchmarks/accuracy.py > docs/accuracy.new
	mv docs/accuracy.new docs/accuracy.md

# Hypothesis's tests alone, long and from a new seed each time.
fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS) --hypothesis-profile=fuzz -m hypothesis -o faulthandler_timeout=7200 tests

# Is every small fault found by a test? SAMPLE=60 takes a fixed sample; ONLY="nn/init.py 5f2e1a07" a file and a fault;
# TESTS="tests/test_nn_init.py" asks these tests alone.
mutants: $(VENV)/.installed-test
	$(BIN)/python tools/mutants.py $(if $(SAMPLE),--sample $(SAMPLE)) $(ONLY) $(if $(TESTS),--tests $(TESTS))
	$(if $(SAMPLE)$(ONLY),,$(BIN)/python tools/native_faults.py)

# The engine at sizes that no test has the time for; docs/stress.md says what they took. SHARE=0.01 takes a hundredth.
stress: $(VENV)/.installed-test
	$(BIN)/python tools/stress.py $(if $(SHARE),--share $(SHARE))
	AUTODIFF_ENGINE=python $(BIN)/python tools/stress.py $(if $(SHARE),--share $(SHARE))

# The native engine's tests on a build whose every access to memory is checked; not those that only use it (nn's, the
# benchmarks'), nor those of the project and of Python alone, nor those that measure memory or run a compiler, which
# sanitizers slow down.
NOT_SANITIZED := build contributing generate gradbench gradcheck_% layers mutants native_memory nn_% notebooks numerical \
    ops program% project row_digits symbols testing testing_% time_limit
sanitize: $(VENV)/.installed-test build/sanitized/.built
	tools/sanitize test $(abspath $(BIN))/python build/sanitized $(PYTEST_ARGS) $(AGAIN) -m "not ($(TOOLS))" \
	    $(filter-out nn $(patsubst %,tests/test_%.py,$(NOT_SANITIZED)),$(ENGINE_FILES))

build/sanitized/.built: $(VENV)/.python $(SOURCES)
	tools/sanitize build $(abspath $(BIN))/python build/sanitized
	@touch $@

# Runs the course and its solutions, and stores them; ONLY=03 takes one.
notebooks: $(VENV)/.installed-dev
	$(BIN)/python tools/notebooks.py $(ONLY)

lab: $(VENV)/.installed-notebooks
	$(BIN)/jupyter lab --notebook-dir=notebooks

# One static folder, build/site, with the playground in it; strict, so a broken link or reference fails. It needs npm.
site: $(VENV)/.installed-site docs/site/node_modules/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --config-file docs/site/mkdocs.yml
	@echo "In $(CURDIR)/build/site: any static server serves it (make site-open)."

site-open: site
	@echo "Open http://localhost:$(PORT) (Ctrl+C ends it)"
	@$(BIN)/python -m http.server $(PORT) --directory build/site --bind localhost > /dev/null 2>&1

docs/site/node_modules/.installed: docs/site/package.json
	npm install --silent --no-audit --no-fund --no-package-lock --prefix docs/site
	@touch $@

clean:
	rm -rf $(VENV) docs/site/node_modules build dist demo *.egg-info autodiff/native/*.c autodiff/native/rows.h autodiff/native/*.so

$(VENV)/.python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'autodiff needs Python 3.11 or newer, and $(PYTHON) is ' + sys.version.split()[0] + ': try make PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)
	@touch $@

# Not compiled: Python compiles what it imports, and most is never imported.
INSTALL = $(BIN)/python -m pip install --quiet --no-compile --editable
$(VENV)/.installed: $(VENV)/.python $(SOURCES)
	$(INSTALL) .
	@echo "Installed in $(VENV), with the $$($(ENGINE)) engine."
	@touch $@

$(VENV)/.installed-%: $(VENV)/.python $(SOURCES)
	$(INSTALL) ".[$*]"
	@echo "Installed in $(VENV), with the $$($(ENGINE)) engine."
	@touch $@ $(VENV)/.installed $(if $(filter dev,$*),$(VENV)/.installed-test)
