"""GradBench's twelve programs (benchmarks/gradbench) give the right derivatives.

What they are held against has not been differentiated by us: closed forms, complex steps in NumPy (run anew each time),
PyTorch's figures, and for saddle and particle the figures that GradBench publishes.
"""

import math
from typing import Any

import pytest
from gradbench import particle, run, saddle
from gradbench.run import NAMES, TOLERANCE, arbiter, difference, main, numbers, program

pytestmark = pytest.mark.once

# Σ i·xᵢ over the numbers xᵢ of the derivative at the smaller size, as PyTorch 2.13 (float64) gives them through each
# program's on_arrays.
IN_PYTORCH = {
    "hello": 3.0,
    "llsq": 520408.68561907083,
    "lse": 1253.8070456981338,
    "det": 15.089518843647141,
    "ode": 7.092942699375124e-12,
    "kmeans": 46.79363456664455,
    "gmm": 2252.9565465969786,
    "ba": -255117271.24683574,
    "lstm": 4.302394305072309,
    "ht": -99010.9481148237,
    "saddle": 0.008673860081080459,
    "particle": 0.2669437936436376,
}


@pytest.mark.parametrize("name", NAMES)
def test_the_derivative_is_that_of_closed_forms_complex_steps_and_pytorch(name: str) -> None:
    module = program(name)
    given = module.inputs(**module.SIZES[0])
    found = module.derivative(*given)
    assert difference(found, arbiter(module, given)) <= TOLERANCE
    weighted = math.fsum(i * x for i, x in enumerate(numbers(found), 1))
    assert weighted == pytest.approx(IN_PYTORCH[name], rel=TOLERANCE, abs=0.0)


@pytest.mark.parametrize("mode", saddle.MODES)
@pytest.mark.parametrize("module", [saddle, particle], ids=["saddle", "particle"])
def test_reverse_and_forward_mode_over_each_other_agree(module: Any, mode: str) -> None:
    given = module.inputs(**({"tolerance": 1e-2} if module is saddle else {"dt": 1.6}))
    assert difference(module.variants(*given)[mode](), module.closed_form(*given)) <= TOLERANCE


def test_saddle_and_particle_give_the_published_figures_by_hand_written_derivatives() -> None:
    for module in saddle, particle:
        assert difference(module.closed_form(*module.inputs(**module.SIZES[1])), module.PUBLISHED) <= TOLERANCE


def test_saddle_gives_the_published_figure() -> None:
    assert difference(saddle.derivative(*saddle.inputs(**saddle.SIZES[1])), saddle.PUBLISHED) <= TOLERANCE


def test_one_wrong_number_among_many_is_found() -> None:
    right = [[1.0, 1e-3], [2.0, 5.0]]
    assert difference(right, right) == 0.0
    assert difference([[1.0, 1e-3 * (1.0 + 1e-6)], [2.0, 5.0]], right) == pytest.approx(1e-6, rel=1e-3, abs=0.0)
    assert not difference([[math.nan, 1e-3], [2.0, 5.0]], right) <= TOLERANCE
    with pytest.raises(SystemExit, match="hello is wrong"):
        run.check("hello", [[1.0, 1e-3], [2.0, math.nan]], right)


def test_the_page_has_a_row_for_each_size(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(run, "PEERS", {})
    monkeypatch.setattr(run, "SECONDS", 0.1)
    main(["hello"])
    assert [line.split("|")[2].strip() for line in capsys.readouterr().out.splitlines() if "| hello" in line] == [
        "x=1.5",
        "x=-3",
    ]


def test_a_peer_that_is_not_installed_is_left_out_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> None:
        raise ImportError("No module named 'peer'")

    monkeypatch.setattr(run, "PEERS", {"Peer": missing})
    assert run.installed() == {}
    assert capsys.readouterr().err == "Peer is left out: No module named 'peer'\n"


def test_an_unknown_program_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SystemExit, match="there is no program 'hallo'; there are hello, llsq"):
        main(["hallo"])
