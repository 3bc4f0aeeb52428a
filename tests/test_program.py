"""`compile` and `Program`: what they take, what they refuse, and that no error leaves anything half-done."""

from __future__ import annotations

import copy
import math
import pickle
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from program_backends import a_graph, retained

import nn
from autodiff import (
    CompileError,
    Value,
    compile,
    define_op,
    dot,
    grad,
    maximum,
    no_grad,
    softmax,
    stop_gradient,
    tanh,
    where,
)
from autodiff.program.program import Program

# Functions that a trace cannot see.


@pytest.mark.parametrize(
    ("how", "f"),
    [
        ("a comparison", lambda x: x if x > 0 else -x),
        ("a comparison", lambda x: max(x, 0.0) * 2),
        ("a comparison", lambda x: sorted([x, 2 * x])[0] + 1),
        ("a comparison", lambda x: x * (x == 1.0)),
        ("bool()", lambda x: x * 2 if x else x),
        ("float()", lambda x: x * float(x)),
        ("float()", lambda x: x * math.sin(x)),
        ("int()", lambda x: x * int(x)),
        ("round()", lambda x: x * round(x)),
        ("stop_gradient()", lambda x: x * stop_gradient(x)),
    ],
)
def test_what_another_example_might_decide_otherwise_is_an_error_with_the_line(
    how: str, f: Callable[[Any], Any]
) -> None:
    with pytest.raises(CompileError) as raised:
        compile(f, 1.0)
    assert str(raised.value).startswith(how)
    assert f"{__file__}, line {f.__code__.co_firstlineno}" in str(raised.value)


def test_reading_data_of_what_depends_on_the_inputs_is_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"\.data of a Value that depends on the inputs is a number"):
        program = compile(lambda x: x * x.data, 2.0)
    assert program([3.0]).tolist() == [6.0]


def test_decisions_on_what_does_not_depend_on_the_inputs_are_the_users() -> None:
    w = Value(2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        program = compile(lambda x: x * w if w > 0 and w.data < 3 and float(w) else x, 1.0, parameters=[w])
    assert program([3.0]).tolist() == [6.0]


def test_a_choice_by_recorded_operations_compiles() -> None:
    program = compile(lambda x: where(x, maximum(x, 2.0), -x), 1.0)
    assert program([3.0, 1.0, -4.0]).tolist() == [3.0, 2.0, 4.0]


def test_after_a_trace_that_failed_comparisons_are_free_again() -> None:
    with pytest.raises(CompileError):
        compile(lambda x: x if x > 0 else -x, 1.0)
    assert Value(1.0) > 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert grad(lambda x: x * x if x > 0 else x)(3.0) == 6.0


def test_softmax_compiled_is_stable_for_other_examples_than_that_it_was_traced_on() -> None:
    program = compile(lambda x, y: softmax([x, y])[0], 0.0, 0.0)
    assert program([[1000.0, 0.0], [-1000.0, 0.0], [5000.0, 5000.0]]).tolist() == [1.0, 0.0, 0.5]


def test_a_derivative_within_a_function_compiles() -> None:
    program = compile(lambda x: grad(lambda t: t * t * t)(x), 2.0)
    assert program([1.0, 3.0]).tolist() == [3.0, 27.0]


def test_a_graph_that_no_grad_cut_does_not_depend_on_its_parameters() -> None:
    w = Value(2.0)
    with no_grad(), pytest.raises(CompileError, match="does not depend on any of the parameters"):
        compile(lambda x: w * x, 1.0, parameters=[w])


# Arguments.


def refused(text: str) -> Any:
    return pytest.raises(CompileError, match=text)


def test_inputs_and_parameters_are_leaves_of_the_graph_each_once() -> None:
    x, y, f = a_graph()
    with refused(r"inputs\[0\] is no leaf but the result of log"):
        compile(f, inputs=[f])
    with refused(r"parameters\[1\] \('p'\) is no leaf but the result of mul"):
        product = x * y
        product.label = "p"
        compile(product, inputs=[x], parameters=[y, product])
    with refused("x is given twice"):
        compile(f, inputs=[x, x])
    with refused("x is given twice"):
        compile(f, inputs=[x], parameters=[x])
    with refused("the output does not depend on z: it is not in the graph"):
        compile(f, inputs=[x, Value(1.0, "z")])
    with refused("the output does not depend on y: it is not in the graph"):
        compile(tanh(x), inputs=[x], parameters=[y])
    with refused("y is given twice"):
        compile(lambda u: u * y, 1.0, parameters=[y, y])
    with refused(r"parameters\[0\] is no leaf but the result of log"):
        compile(lambda u: u * f, 1.0, parameters=[f])


def test_what_is_no_value_is_named() -> None:
    x, y, f = a_graph()
    with refused(r"inputs must be a list of Values, not Value"):
        compile(f, inputs=x)
    with refused(r"inputs\[1\] is int 3, not a Value"):
        compile(f, inputs=[x, 3])
    with refused(r"parameters\[0\] is float 2.0, not a Value"):
        compile(f, inputs=[x], parameters=[2.0])
    with refused("parameters must be a list of Values, not Value"):
        compile(f, inputs=[x], parameters=y)
    with refused("inputs must be a list of Values, not float 3.0"):
        compile(f, inputs=3.0)
    with refused("parameters must be a list of Values, not float"):
        compile(f, inputs=[x], parameters=3.0)
    for arguments in ((x,), (1.0, x)):
        with refused("the example arguments are numbers"):
            compile(lambda *u: u[0], *arguments)
    with pytest.raises(TypeError, match="compile takes a graph with inputs="):
        compile(f, 1.0)
    with pytest.raises(TypeError, match="inputs are of a graph"):
        compile(lambda u: u, 1.0, inputs=[x])
    with pytest.raises(ValueError, match="dtype is 'float64' or 'float32', not 'int8'"):
        compile(f, inputs=[x], dtype="int8")
    with pytest.raises(TypeError, match="the result of f"):
        compile(lambda u: "text", 1.0)


def test_a_function_without_a_number_is_refused_and_one_of_a_number_gives_it() -> None:
    with refused("f returns no number"):
        compile(lambda x: [], 1.0)
    with refused("output is an empty list"):
        compile([], inputs=[Value(1.0)])
    assert compile(lambda x: 3.0, 1.0)([1.0, 2.0]).tolist() == [3.0, 3.0]
    assert compile(lambda x: x, 1.0)([1.0, 2.0]).tolist() == [1.0, 2.0]


def test_a_list_of_outputs_gives_columns_and_no_gradient() -> None:
    x, y = Value(1.0), Value(2.0)
    program = compile([x + y, x * y, x], inputs=[x], parameters=[y])
    assert program([[3.0], [4.0]]).tolist() == [[5.0, 6.0, 3.0], [6.0, 8.0, 4.0]]
    with pytest.raises(ValueError, match="a gradient is that of one output"):
        program.value_and_grad([[3.0]])


def test_an_input_may_be_an_output_and_be_needed_once_more() -> None:
    x = Value(1.0)
    assert compile([x, tanh(x)], inputs=[x])([0.0, 1.0]).tolist() == [[0.0, 0.0], [1.0, math.tanh(1.0)]]


def test_arguments_with_structure_are_columns_in_their_order() -> None:
    program = compile(lambda a, b: a["u"] * 10 + a["v"][1] * 100 + b, {"u": 0.0, "v": (0.0, 0.0)}, 0.0)
    assert program([[1.0, 2.0, 3.0, 4.0]]).tolist() == [314.0]


def test_inputs_and_parameters_may_come_from_a_generator() -> None:
    x, y, f = a_graph()
    program = compile(f, inputs=(v for v in [x]), parameters=(v for v in [y]))
    assert program([3.0]) == pytest.approx([math.log(6.0)], rel=1e-15, abs=0.0)


def test_arguments_that_are_numbers_are_a_vector_where_their_names_differ_in_the_index() -> None:
    assert str(compile(lambda x1, x2: x1 * x2, 1.0, 2.0)) == "L = x[1]·x[2]"
    assert str(compile(lambda x1, x2: x1[0] * x2[0], [1.0], [2.0])) == "L = x1·x2"


def test_arguments_of_what_does_not_tell_their_names_are_x() -> None:
    program = compile(max, [2.0])  # the largest of one number asks for no comparison
    assert program([[3.0]]).tolist() == [3.0]
    assert "    x = X.T[0:1]\n" in program.source()


def test_arguments_that_a_function_does_not_take_are_its_own_error() -> None:
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        compile(lambda x: x, 1.0, 2.0)


def test_a_module_path_is_the_name_of_a_parameter_without_a_label() -> None:
    w, named = Value(2.0), Value(2.0, "w")
    assert str(compile(lambda x: x * w, 1.0, parameters=[("hidden.weight", w)])) == "L = x·hidden.weight"
    assert str(compile(lambda x: x * w, 1.0, parameters={"hidden.weight": w})) == "L = x·hidden.weight"
    assert str(compile(lambda x: x * named, 1.0, parameters=[("hidden.weight", named)])) == "L = x·w"


# Runs.


def test_data_of_parameters_is_read_anew_and_that_of_constants_is_not() -> None:
    x, w, c = Value(1.0), Value(2.0), Value(3.0)
    program = compile(x * w + c, inputs=[x], parameters=[w])
    assert program([1.0]).tolist() == [5.0]
    w.data, c.data = 10.0, 100.0
    assert program([1.0]).tolist() == [13.0]
    assert program.stats.constants == 1


def test_a_users_row_may_compute_with_whole_numbers() -> None:
    halved = define_op("halved", lambda xp, x: x * xp.pow(2, -1), [lambda xp, out, x: xp.pow(2, -1)])
    program = compile(lambda x: halved(x), 1.0)
    assert program([3.0]).tolist() == [1.5]
    assert program.stats.by_element == ()


@pytest.mark.parametrize(("base", "exponent"), [(2.0, 3.0), (1e-140, 0.1), (1e-200, 1.5), (3.0, 1.0)])
def test_the_slope_of_a_power_has_on_arrays_the_digits_that_it_has_on_scalars(base: float, exponent: float) -> None:
    w = Value(base)
    program = compile(lambda x: x * w**exponent, 1.0, parameters=[w])
    _, (slope,) = program.value_and_grad([1.0])
    assert slope == pytest.approx(grad(lambda x: x**exponent)(base), rel=1e-15, abs=0.0)


def test_a_graph_without_inputs_runs_without_rows() -> None:
    w = [Value(1.0), Value(2.0)]
    program = compile(dot(w, w), parameters=w)
    assert program().tolist() == [5.0]
    loss, gradient = program.value_and_grad()
    assert loss == 5.0 and gradient.tolist() == [2.0, 4.0] == [v.grad for v in w]


def test_write_false_leaves_gradients_alone_and_true_replaces_them() -> None:
    x, w = Value(1.0), Value(2.0)
    program = compile(x * w, inputs=[x], parameters=[w])
    w.grad = 5.0
    program.value_and_grad([3.0], write=False)
    assert w.grad == 5.0
    program.value_and_grad([3.0])
    assert w.grad == 3.0


def test_a_program_without_parameters_has_no_gradient_and_none_has_a_jvp() -> None:
    program = compile(lambda x: tanh(x), 1.0)
    with pytest.raises(ValueError, match="compiled without parameters"):
        program.value_and_grad([1.0])
    with pytest.raises(NotImplementedError, match="use autodiff.jvp"):
        program.jvp([1.0], [1.0])


def test_a_gradient_at_other_parameters_is_asked_for_without_writing_it() -> None:
    w = Value(2.0)
    program = compile(lambda x: x * w * w, 1.0, parameters=[w])
    outputs, gradient = program.pull_back(np.array([[1.0], [3.0]]), np.array([1.0, 10.0]), np.array([5.0]))
    assert outputs.tolist() == [[25.0], [75.0]] and gradient.tolist() == [310.0]
    assert w.data == 2.0 and w.grad == 0.0


def test_the_list_of_parameters_is_the_programs_own() -> None:
    w = [Value(1.0), Value(2.0)]
    program = compile(lambda x: w[0] * x + w[1], 1.0, parameters=w)
    del w[1]
    assert program.theta().tolist() == [1.0, 2.0]


def test_a_pickle_has_neither_the_memory_of_runs_nor_what_was_measured_in_them() -> None:
    program = compile(lambda x: tanh(x), 1.0)
    program(np.ones(10_000))
    program(np.ones(3), backend="auto")
    assert program.stats.backend
    assert len(pickle.dumps(program)) < 8 * 10_000 and not copy.copy(program).stats.backend


def test_memory_does_not_grow_with_the_rows_that_are_run_nor_with_the_parameters() -> None:
    w = [Value(0.01 * i) for i in range(200)]
    program = compile(lambda x: tanh(dot(w, x)), [1.0] * 200, parameters=w)
    rows = np.ones((6000, 200))
    held = retained(lambda: program.value_and_grad(rows))
    assert held < 2.2 * 8 * 2**18, "two memories of 2¹⁸ floats, of values and of gradients, and a little"
    each = copy.copy(program)
    held = retained(lambda: each.value_and_grad(rows, reduce=None))
    assert held < 2.2 * 8 * 2**18, "where the gradients of each example's parameters are in memory, too"


def test_memory_is_kept_for_the_last_eight_sizes_of_batches() -> None:
    program = compile(lambda x: tanh(x), 1.0)
    fresh = copy.copy(program)
    one = retained(lambda: fresh(np.ones(50_000)))
    many = retained(lambda: [program(np.ones(50_000 + i)) for i in range(12)] and None)
    assert 7.5 * one < many < 8.5 * one


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda program: pickle.loads(pickle.dumps(program))])
def test_a_program_that_is_copied_runs_on_its_own_parameters(copied: Callable[[Any], Any]) -> None:
    model = nn.MLP(2, [4, 1], rng=0)
    program = compile(model, [0.0, 0.0], parameters=model.parameters())
    program([[1.0, 2.0]])
    again = copied(program)
    assert again([[1.0, 2.0]]).tolist() == program([[1.0, 2.0]]).tolist()
    assert str(again) == str(program)
    again.parameters[0].data += 1.0
    assert again([[1.0, 2.0]]).tolist() != program([[1.0, 2.0]]).tolist()


@pytest.mark.parametrize("run", [Program.__call__, Program.value_and_grad])
def test_two_threads_in_one_program_are_refused_and_each_may_have_a_copy(run: Callable[..., Any]) -> None:
    inside, go_on = threading.Event(), threading.Event()

    w = Value(1.0)
    program = compile(lambda x: tanh(w * x), 1.0, parameters=[w])
    original = program._chunks

    def slow(*args: Any, **settings: Any) -> Any:
        inside.set()
        go_on.wait(10)
        return original(*args, **settings)

    program._chunks = slow  # type: ignore[method-assign]
    thread = threading.Thread(target=run, args=(program, [1.0]))
    thread.start()
    inside.wait(10)
    try:
        with pytest.raises(RuntimeError, match="the program is running already"):
            run(program, [1.0])
    finally:
        go_on.set()
        thread.join()
    assert program([0.0]).tolist() == [0.0]
    assert copy.copy(program)([0.0]).tolist() == [0.0]


def test_compile_imports_numpy_only_when_it_is_called() -> None:
    import subprocess
    import sys

    script = "import sys, autodiff; assert 'numpy' not in sys.modules, 'numpy was imported'; autodiff.compile"
    subprocess.run([sys.executable, "-c", script], check=True)
