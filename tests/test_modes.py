"""The modes no_grad and detect_anomaly: what each does, how they nest, whose thread they hold for. On either engine."""

import _thread
import math
import os
import subprocess
import sys
import threading

import pytest

from autodiff import (
    DomainError,
    Value,
    define_op,
    detect_anomaly,
    dot,
    exp,
    grad,
    gradcheck,
    jacobian,
    jvp,
    log,
    modes,
    no_grad,
    numerical_gradient,
    sqrt,
    stop_gradient,
    vjp,
)


def in_a_thread(action):
    thread = threading.Thread(target=action)
    thread.start()
    thread.join()


def records():
    """Whether an operation makes a node that knows its operands."""
    return (Value(3.0) * 2.0).op is not None


def remembers_lines():
    """Whether a failing backward pass says where its node was made."""
    with pytest.raises(DomainError) as error:
        sqrt(Value(0.0)).backward()
    return "made at" in str(error.value)


@pytest.fixture(autouse=True)
def _no_mode_is_left_on():
    yield
    assert records() and not remembers_lines()
    assert not modes.any_active, "every node would pay for a mode that nobody is in"


def test_no_mode_is_on_where_autodiff_has_just_been_imported():
    code = "from autodiff import modes; print(modes.any_active, modes.flag[0], modes.reads[0], modes.here.compiling)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False 0 0 False\n"


def test_no_grad_computes_without_a_graph():
    x = Value(2.0)
    with no_grad():
        y = exp(x * x) + dot([x], [x])
    assert y.op is None and y.parents == () and y.data == math.exp(4.0) + 4.0
    assert (x * x).parents

    @no_grad()
    def square(v):
        return v * v

    assert square(x).parents == ()


@pytest.mark.parametrize("operands", [1, 2, 3])
def test_no_grad_computes_no_derivative_either(operands):
    def rule(xp, out, *xs):
        derivatives.append(out)
        return 1.0

    derivatives = []
    name = f"without_derivative_{operands}"
    value = {1: lambda xp, x: x, 2: lambda xp, x, y: x + y, 3: lambda xp, x, y, z: x + y + z}[operands]
    f = define_op(name, value, [rule] * operands)
    derivatives.clear()  # its formulas were written
    xs = [Value(2.0)] * operands
    with no_grad():
        assert f(*xs).data == 2.0 * operands
    assert derivatives == []
    f(*xs)
    assert len(derivatives) == operands


def test_detect_anomaly_names_the_line_that_made_the_node():
    line = sys._getframe().f_lineno
    with detect_anomaly():
        y = sqrt(Value(0.0, "z")) * 2.0  # line + 2
        with pytest.raises(DomainError, match=rf"(?s)sqrt is not differentiable.*'z'.*test_modes.py, line {line + 2}"):
            y.backward()
        with pytest.raises(DomainError, match=rf"(?s)log is not defined.*test_modes.py, line {line + 6}"):
            log(y)
    with pytest.raises(DomainError) as outside:
        log(y)
    assert "made at" not in str(outside.value)


# Nested


@pytest.mark.parametrize("inner", [no_grad, detect_anomaly])
def test_leaving_an_inner_mode_leaves_the_outer_one_on(inner):
    with no_grad():
        with inner():
            assert not records()
        assert not records()
    with detect_anomaly():
        with inner():
            pass
        assert remembers_lines()


def test_an_inner_detect_anomaly_knows_the_lines_of_the_outer_one_and_keeps_them():
    with detect_anomaly():
        y = sqrt(Value(0.0))
        with detect_anomaly(), pytest.raises(DomainError, match="made at"):
            y.backward()
        with pytest.raises(DomainError, match="made at"):
            y.backward()


def test_both_modes_may_be_on_at_once_and_end_in_either_order():
    with detect_anomaly():
        with no_grad():
            assert not records()
            with pytest.raises(DomainError, match="made at"):
                log(Value(-1.0))
        assert records() and remembers_lines()


def test_what_is_made_without_a_graph_has_no_line_to_remember():
    x = Value(2.0)
    with detect_anomaly():
        assert modes.origin_of(x * x) is not None
        with no_grad():
            assert modes.origin_of(x * x) is None


def test_a_mode_ends_with_an_exception():
    for mode in (no_grad, detect_anomaly):
        with pytest.raises(RuntimeError), mode():
            raise RuntimeError
        assert records() and not remembers_lines()


@pytest.mark.parametrize(
    "differentiate",
    [
        lambda f: grad(f)(1.0),
        lambda f: jacobian(f)(1.0),
        lambda f: vjp(f, 1.0)[1](1.0),
        lambda f: jvp(f, (1.0,), (1.0,)),
        lambda f: gradcheck(f, 1.0),
        lambda f: numerical_gradient(f, 1.0, "complex"),
    ],
    ids=["grad", "jacobian", "vjp", "jvp", "gradcheck", "numerical_gradient"],
)
def test_a_derivative_leaves_the_modes_as_it_found_them(differentiate):
    with no_grad():
        differentiate(lambda x: x * x)
        assert not records()
        with pytest.raises(DomainError):
            differentiate(log_of_minus_one)
        assert not records()
    differentiate(lambda x: x * x)
    with detect_anomaly():
        assert records()


def log_of_minus_one(x):
    return log(x - 2.0)


# Threads


def test_no_grad_holds_for_its_own_thread_only():
    x, seen = Value(2.0), []
    with no_grad():
        in_a_thread(lambda: seen.append((x * x).parents))
    assert seen == [(x, x)]


def test_detect_anomaly_holds_for_its_own_thread_only():
    seen = []
    with detect_anomaly():
        in_a_thread(lambda: seen.append(remembers_lines()))
    assert seen == [False]


@pytest.mark.parametrize("theirs", [no_grad, detect_anomaly])
def test_a_mode_goes_on_when_another_thread_leaves_its_own(theirs):
    def enter_and_leave():
        with theirs():
            pass

    with no_grad():
        in_a_thread(enter_and_leave)
        assert not records()
    with detect_anomaly():
        in_a_thread(enter_and_leave)
        assert remembers_lines()


def test_a_mode_goes_on_when_the_thread_that_entered_before_leaves_first():
    first_is_in, second_is_in, first_is_out = threading.Event(), threading.Event(), threading.Event()
    seen = []

    def first():
        with no_grad():
            first_is_in.set()
            second_is_in.wait(10)
        seen.append(("first", records()))
        first_is_out.set()

    def second():
        first_is_in.wait(10)
        with no_grad():
            second_is_in.set()
            first_is_out.wait(10)
            seen.append(("second", records()))

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [("first", True), ("second", False)]


def test_numbers_are_read_without_a_question_once_no_derivative_is_taken():
    assert modes.reads[0] == 0
    seen = []
    grad(lambda x: seen.append(modes.reads[0]) or grad(lambda z: z * z)(x) * (seen.append(modes.reads[0]) or 1.0))(3.0)
    assert (seen, modes.reads[0]) == ([1, 1], 0)


def test_who_watches_for_float_is_asked_of_nothing_else_and_once_for_each_line():
    asked = []

    def reader(node, how, place):
        asked.append(how)
        return "lost"

    def read(everything):
        x = Value(2.0)
        with modes.WatchingReads(reader, everything):
            return [(x > 1.0, x.data, bool(x), int(x), round(x), float(x)) for _ in range(3)]

    with pytest.warns(UserWarning, match="lost") as seen:
        read(everything=False)
    assert asked == ["float()"] and len(seen) == 1
    read(everything=True)  # the line was warned of: no second warning, but each is asked of
    assert asked[1:] == ["a comparison", ".data", "bool()", "int()", "round()", "float()"] * 3
    assert modes.reads[0] == 0


def test_who_watches_for_everything_is_asked_of_each_value_that_becomes_a_constant():
    asked = []
    x = Value(2.0)

    def reader(node, how, place):
        asked.append((node, how, place[0]))
        return ""

    with modes.WatchingReads(reader, everything=True):
        stop_gradient([x, 3.0])
    assert asked == [(x, "stop_gradient()", __file__)] and asked[0][0] is x
    with modes.WatchingReads(reader):
        stop_gradient([x, 3.0])
    assert len(asked) == 1


def of_ours(package, source):
    """What ``source`` defines, as if it stood in a file of one of this project's packages."""
    home = os.path.dirname(os.path.dirname(os.path.abspath(modes.__file__)))
    names = {}
    exec(compile(source, os.path.join(home, package, "made_up.py"), "exec"), names)
    return names


@pytest.mark.parametrize("package", ["autodiff", "nn", "viz"])
def test_the_line_that_made_a_node_is_the_users_whatever_of_ours_is_between(package):
    square = of_ours(package, "def square(x):\n    return x * x")["square"]
    x, line = Value(3.0), sys._getframe().f_lineno
    with detect_anomaly():
        assert modes.origin_of(square(x)) == (__file__, line + 2)
    beside = of_ours(f"{package}_of_mine", "def square(x):\n    return x * x")["square"]
    with detect_anomaly():
        assert modes.origin_of(beside(x)) == (beside.__code__.co_filename, 2)


def test_a_thread_that_is_all_ours_has_a_line_too():
    run = of_ours(
        "nn", "def run():\n    with detect_anomaly():\n        seen.append(origin_of(x * x))\n        end.set()"
    )
    seen, end = [], threading.Event()
    run |= {"detect_anomaly": detect_anomaly, "origin_of": modes.origin_of, "x": Value(3.0), "seen": seen, "end": end}
    _thread.start_new_thread(run["run"], ())  # without threading's frames below its own
    assert end.wait(10) and seen[0][0].endswith("made_up.py")


def test_the_native_engine_hears_of_every_change_of_a_threads_modes(monkeypatch):
    heard = []
    monkeypatch.setattr(modes, "listener", lambda recording, noting: heard.append((recording, noting)))
    with detect_anomaly(), no_grad():
        pass
    assert heard == [(True, True), (False, True), (True, True), (True, False)]


class _Noting(modes.WatchingReads):
    def __init__(self, answer="", **options):
        self.asked = []
        super().__init__(lambda node, how, place: self.asked.append((how, *place)) or answer, **options)


def test_what_nn_and_viz_read_is_asked_of_only_where_that_is_wanted_and_what_autodiff_reads_never():
    for package, expected in {"nn": ["float()"], "viz": ["float()"], "autodiff": []}.items():
        read = of_ours(package, "def read(x):\n    return float(x)")["read"]
        plain, thorough = _Noting(everything=True), _Noting(everything=True, of_nn=True)
        with plain, thorough:
            read(Value(2.0))
        assert plain.asked == [] and [how for how, *_ in thorough.asked] == expected


def test_who_watches_for_float_alone_is_not_asked_of_what_another_watches_for():
    alone, everything = _Noting(), _Noting(everything=True)
    with alone, everything:
        _ = Value(2.0) > 1.0
    assert (alone.asked, [how for how, *_ in everything.asked]) == ([], ["a comparison"])


def test_one_warning_is_enough_however_many_watch():
    outer, inner = _Noting("lost"), _Noting("lost")
    with outer, inner, pytest.warns(UserWarning, match="lost") as seen:
        float(Value(2.0))
    assert len(seen) == 1 and (len(outer.asked), len(inner.asked)) == (1, 0)


def test_who_has_stopped_watching_is_asked_no_more():
    outer, inner = _Noting(everything=True), _Noting(everything=True)
    with outer:
        with inner:
            pass
        float(Value(2.0))
    assert (len(outer.asked), inner.asked) == (1, [])


def test_a_read_is_noted_at_the_line_of_who_reads():
    noting = _Noting()
    with noting:
        line = sys._getframe().f_lineno + 1
        modes.note_read(Value(2.0), "float()")  # as the native engine does, which has no line of its own
    assert noting.asked == [("float()", __file__, line)]
