"""Who runs a batch: a program and devices that only note what they are asked for."""

import hashlib
import json
import sys
from types import SimpleNamespace

import pytest

import autodiff.program
from autodiff import CompileError
from nn.backends import Backend


class Noting:
    """A program that notes by whom it is to be run."""

    def __init__(self, without_native=False):
        self.asked, self.without_native = [], without_native

    def pull_back(self, rows, _, theta, **arguments):
        self.asked.append(arguments)
        if self.without_native and arguments["backend"] == "native":
            raise CompileError("not built")
        return rows, theta


def asked(backend, examples, parameters, program=None, times=1):
    program = program or Noting()
    for _ in range(times):
        assert backend.pull_back(program, range(examples), None, range(parameters)) == (
            range(examples),
            range(parameters),
        )
    return program.asked


@pytest.mark.parametrize(
    ("examples", "parameters", "taken"),
    [(1, 1, "native"), (16, 10_000, "native"), (17, 10, "numpy"), (10, 10_001, "numpy"), (500, 50_000, "numpy")],
)
def test_by_itself_the_tape_runs_up_to_16_examples_of_up_to_10_000_parameters(examples, parameters, taken):
    assert asked(Backend("auto", None), examples, parameters) == [{"backend": taken}]


@pytest.mark.parametrize("name", ["numpy", "native"])
def test_a_backend_that_is_named_runs_every_batch(name):
    backend = Backend(name, None)
    assert backend.named
    assert asked(backend, 3, 3) + asked(backend, 300, 3) == [{"backend": name}] * 2


def test_a_tape_that_does_not_serve_is_tried_once():
    assert asked(Backend("auto", None), 3, 3, Noting(without_native=True), times=3) == [
        {"backend": "native"}, *[{"backend": "numpy"}] * 3
    ]  # fmt: skip


def test_one_process_writes_its_files_and_compares_itself_with_nobody():
    for name, told in (("auto", ""), ("numpy", ""), ("native", ", native")):
        backend = Backend(name, None)
        assert (backend.processes, backend.writes, backend.told) == (1, True, told)
        backend.require_alike(lambda: pytest.fail("there is nobody to compare with"))
    assert not Backend("auto", None).named


@pytest.fixture
def jax_on(monkeypatch):
    """A backend of JAX on these devices, each of a process, and what its processes compare."""

    def backend(*processes, platform="gpu", first=True):
        compared = []
        stand_in = SimpleNamespace(
            chosen=lambda devices: [SimpleNamespace(process_index=p, platform=platform) for p in devices],
            is_first_process=lambda: first,
            require_alike=compared.append,
        )
        monkeypatch.setitem(sys.modules, "autodiff.program.on_devices", stand_in)
        monkeypatch.setattr(autodiff.program, "on_devices", stand_in, raising=False)
        return Backend("jax", list(processes)), compared

    return backend


@pytest.mark.parametrize(
    ("processes", "platform", "told"),
    [
        ((0,), "cpu", ", jax on 1 cpu device"),
        ((0, 0), "gpu", ", jax on 2 gpu devices"),
        ((0, 1), "tpu", ", jax on 2 tpu devices of 2 processes"),
        ((0, 0, 1, 1, 2), "gpu", ", jax on 5 gpu devices of 3 processes"),
    ],
)
def test_the_history_tells_on_which_devices_of_how_many_processes_it_was(processes, platform, told, jax_on):
    backend, _ = jax_on(*processes, platform=platform)
    assert (backend.told, backend.processes, backend.named) == (told, len(set(processes)), True)
    given = asked(backend, 3, 3)[0]
    assert (given["backend"], len(given["devices"])) == ("jax", len(processes))


@pytest.mark.parametrize("first", [True, False])
def test_of_several_processes_the_first_alone_writes(first, jax_on):
    assert jax_on(0, 1, first=first)[0].writes is first


def test_several_processes_compare_a_digest_of_each_part_whatever_the_order_of_its_names(jax_on):
    for processes in ((0, 1), (0, 1, 2)):
        backend, compared = jax_on(*processes)
        backend.require_alike(lambda: {"settings": {"b": 1, "a": 2}, "numbers": [1.5]})
        backend.require_alike(lambda: {"settings": {"a": 2, "b": 1}, "numbers": [1.5]})
        text = json.dumps({"a": 2, "b": 1}).encode()
        expected = {"settings": hashlib.sha256(text).digest(), "numbers": hashlib.sha256(b"[1.5]").digest()}
        assert compared == [expected, expected]
    backend, compared = jax_on(0, 0)
    backend.require_alike(lambda: {"settings": 1})
    assert compared == []
