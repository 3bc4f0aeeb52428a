"""What every test shares: the engine that is tested, Hypothesis's profiles, and that CI skips nothing.

`pytest --engine=python|native` chooses the engine. It is one suite: no test is written twice, and `make test`
runs it again on the other engine. A tool that is missing (PyTorch, a browser) skips a test on a user's machine
and fails it under CI=true. What cannot apply (a test of the native engine, run on the reference one) says so by
a reason that begins with "not applicable".
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

NOT_APPLICABLE = "not applicable"

settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "fuzz", max_examples=5000, deadline=None, print_blob=True, suppress_health_check=[*HealthCheck]
)
# Where the same tests run once more (the other engine, another Python, a build with sanitizers): a quarter.
settings.register_profile("again", settings.get_profile("ci"), max_examples=25)
# For `make mutants`: what fails is not made smaller.
settings.register_profile("mutants", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate])
settings.load_profile("ci")  # --hypothesis-profile=fuzz comes later, and wins


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine", choices=["python", "native"], help="the engine to test; the fastest one built if not given"
    )


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it; tests raise it
    wanted = config.getoption("--engine")
    if wanted:
        os.environ["AUTODIFF_ENGINE"] = wanted  # autodiff reads it once, when it is first imported
    try:
        from autodiff import engine
    except ImportError as error:
        raise pytest.UsageError(f"--engine={wanted}: {error}") from error
    if wanted and engine.name != wanted:
        raise pytest.UsageError(f"--engine={wanted}, but autodiff was already imported with the {engine.name} engine")


def pytest_report_header() -> str:
    from autodiff import engine

    return f"autodiff: the {engine.name} engine"


def pytest_collection_finish() -> None:
    """A row that a test file defines when it is imported does not stand in the table of other files' tests.

    And what is there before the first test (360,000 objects) is not searched for garbage again after each of them.
    """
    from autodiff.ops import BUILT_IN, OPS

    for name in OPS.keys() - BUILT_IN:
        del OPS[name]
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_row_outlives_its_test() -> Generator[None, None, None]:
    from autodiff.ops import OPS

    before = set(OPS)
    yield
    for name in set(OPS) - before:
        del OPS[name]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    return _not_skipped_in_ci((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    return _not_skipped_in_ci((yield))


def _not_skipped_in_ci(report: Any) -> Any:
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[2].removeprefix("Skipped: ")
    if not reason.startswith(NOT_APPLICABLE):
        report.outcome = "failed"
        report.longrepr = f"under CI=true nothing is skipped for want of a tool: {reason}"
    return report
