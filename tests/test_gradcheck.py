"""gradcheck: it finds wrong derivatives, and says what it found."""

import math

import pytest
from gradchecks import faulty_operation, verdicts, wrong  # noqa: F401 (a fixture)

import autodiff as ad
from autodiff import DomainError, GradcheckError, Value, gradcheck


def check_of_a_line(faulty, slope, given, rtol):
    """The one check of slope·x, whose derivative is said to be ``given``."""
    f = faulty(lambda xp, x: slope * x, lambda xp, out, x: given + 0.0 * x)
    try:
        report = gradcheck(f, 3.0, rtol=rtol)
    except GradcheckError as error:
        report = error.report
    (check,) = report.checks
    return check


# It finds errors.


@pytest.mark.parametrize("x", [1e-8, 0.5, 3.0, 1e3])
@pytest.mark.parametrize("factor", [-1.0, 0.0, 1.0001, 2.0])
def test_a_wrong_derivative_is_found_and_its_taylor_remainder_is_of_order_1(faulty, x, factor):
    report = wrong(faulty(lambda xp, x: xp.sin(x), lambda xp, out, x: factor * xp.cos(x)), x)
    assert verdicts(report) == ["wrong"]
    assert report.taylor_order == pytest.approx(1.0, abs=0.1)
    assert not report.ok


@pytest.mark.parametrize(("slope", "given"), [(2.0, 1.0), (1.0, 2.0), (-2.0, -1.0), (-1.0, -2.0)])
def test_errors_are_relative_to_the_larger_of_the_two_whatever_their_sign(faulty, slope, given):
    check = check_of_a_line(faulty, slope, given, rtol=0.4)
    assert check.verdict == "wrong" and (check.absolute, check.relative) == pytest.approx((1.0, 0.5), rel=1e-9, abs=0.0)
    assert check_of_a_line(faulty, slope, given, rtol=0.6).verdict == "ok"


def test_an_error_of_more_than_a_millionth_is_one_unless_rtol_says_otherwise(faulty):
    f = faulty(lambda xp, x: xp.sin(x), lambda xp, out, x: (1.0 + 3e-6) * xp.cos(x))
    assert verdicts(wrong(f, 0.5)) == ["wrong"]
    assert gradcheck(f, 0.5, rtol=1e-5).ok


def test_the_taylor_remainder_of_a_wrong_gradient_is_of_order_1_also_where_nearer_steps_see_none(faulty):
    f = faulty(lambda xp, x: xp.sin(x), lambda xp, out, x: 2.0 * xp.cos(x))
    assert wrong(lambda x: f(x) + 1.0, 1e-20).taylor_order == pytest.approx(1.0, abs=0.1)


def test_derivatives_of_opposite_sign_are_as_wrong_as_can_be(faulty):
    check = check_of_a_line(faulty, -3.0, 3.0, rtol=1.0)
    assert check.verdict == "wrong" and check.relative == pytest.approx(2.0, rel=1e-9, abs=0.0)


def test_an_error_that_short_steps_would_lose_in_round_off_is_found_by_longer_ones(faulty):
    f = faulty(lambda xp, x: x * x, lambda xp, out, x: 2.02 * x)
    assert verdicts(wrong(lambda x: f(x) + 1e8, 1.0)) == ["wrong"]


def test_one_wrong_partial_among_many_inputs_is_named(faulty):
    f = faulty(lambda xp, x, y: x * y * y, lambda xp, out, x, y: y * y, lambda xp, out, x, y: x * y)
    report = wrong(lambda a, w: f(a, w[1]) + w[0] ** 3, (2.0, [1.0, 3.0]))
    assert [(c.label, c.verdict) for c in report.checks] == [("a", "ok"), ("w[0]", "ok"), ("w[1]", "wrong")]
    bad = report.checks[2]
    assert (bad.reverse, bad.numerical) == pytest.approx((6.0, 12.0))
    assert (bad.absolute, bad.relative) == pytest.approx((6.0, 0.5))


def test_a_wrong_second_derivative_is_found_only_by_order_2(faulty):
    # Right as a number, but constant as a graph: its own derivative is lost.
    f = faulty(lambda xp, x: x * x * x, lambda xp, out, x: 3.0 * float(x) ** 2 if xp.pi == math.pi else x)
    assert gradcheck(f, 2.0).ok
    report = wrong(f, 2.0, order=2)
    assert [(c.label, c.verdict) for c in report.checks] == [("x", "ok"), ("x, x", "wrong")]
    assert (report.checks[1].reverse, report.checks[1].numerical) == pytest.approx((0.0, 12.0))


def test_a_wrong_slope_at_a_kink_is_not_excused_by_the_kink(faulty):
    f = faulty(lambda xp, x: xp.abs(x), lambda xp, out, x: xp.sign(x) + 1.5)
    assert verdicts(wrong(f, 0.0)) == ["wrong"]


@pytest.mark.parametrize(
    ("slope", "verdict"), [(1.002, "kink"), (-1.002, "kink"), (1.00201, "wrong"), (-1.00201, "wrong")]
)
def test_at_a_kink_a_slope_may_be_outside_by_a_thousandth_of_the_gap_and_no_more(faulty, slope, verdict):
    f = faulty(lambda xp, x: xp.abs(x), lambda xp, out, x: slope + 0.0 * x)
    report = wrong(f, 0.0) if verdict == "wrong" else gradcheck(f, 0.0)
    assert verdicts(report) == [verdict]


def test_a_wrong_slope_beside_a_kink_is_not_excused_by_the_kink(faulty):
    f = faulty(lambda xp, x: xp.abs(x), lambda xp, out, x: 0.5 * xp.sign(x))
    assert verdicts(wrong(f, 1e-6)) == ["wrong"]


@pytest.mark.parametrize("place", [0.0, 0.5, -42.0])
def test_a_jump_is_neither_a_kink_nor_undecided(place):
    report = wrong(lambda x: x * 0 + (1.0 if x > place else 0.0), place)
    assert verdicts(report) == ["wrong"]


@pytest.mark.parametrize("x", [1e12, -1e12])
@pytest.mark.parametrize("far", [1e18, -1e18])
def test_a_wrong_slope_of_a_line_so_far_out_that_long_steps_alone_tell_it_is_wrong(faulty, x, far):
    f = faulty(lambda xp, x: x + 0.0, lambda xp, out, x: 2.0)
    assert verdicts(wrong(lambda x: f(x) + far, x)) == ["wrong"]


@pytest.mark.parametrize(("x", "far", "given"), [(-1.0, -1e6, 1.0), (42.0, 1e6, 0.0)])
def test_a_wrong_slope_where_few_steps_tell_the_right_one_is_wrong(faulty, x, far, given):
    f = faulty(lambda xp, x: xp.sin(1e12 * x), lambda xp, out, x: given + 0.0 * x)
    assert verdicts(wrong(lambda x: f(x) + far, x)) == ["wrong"]


def test_a_slope_of_what_is_zero_is_wrong(faulty):
    assert verdicts(wrong(faulty(lambda xp, x: 0.0 * x, lambda xp, out, x: 1.0), 0.5)) == ["wrong"]


def test_an_input_that_python_reads_as_a_float_is_found():
    report = wrong(lambda x, y: x * math.exp(y), (2.0, 1.0))
    assert [(c.label, c.verdict) for c in report.checks] == [("x", "ok"), ("y", "wrong")]


# What it takes and refuses.


def test_functions_that_differentiate_inside_pass():
    gradcheck(lambda x: ad.grad(ad.tanh)(x) * 2.0, 0.3, order=2)


def test_functions_that_close_over_other_values_pass():
    w = Value(3.0, "w")
    gradcheck(lambda x: ad.sin(x * w), 0.3, order=2)
    assert w.grad == 0.0


def test_labels_are_the_function_s_own_words():
    f = lambda x, w, *more, k=2.0: x + w["a"][0] + w["b"] + ad.sum(more) * k  # noqa: E731
    report = gradcheck(f, (1.0, {"a": (2.0,), "b": 3.0}, 4.0, 5.0))
    assert [c.label for c in report.checks] == ["x", "w['a'][0]", "w['b']", "more[0]", "more[1]"]
    assert [c.label for c in gradcheck(ad.tanh, 0.5).checks] == ["x"]
    assert [c.label for c in gradcheck(lambda *x: x[0] * 2.0, 0.5).checks] == ["x"]
    assert [c.label for c in gradcheck(lambda w: w[0] * w[1], ([Value(1.0, "slope"), 2.0],)).checks] == [
        "slope",
        "w[1]",
    ]
    second = gradcheck(lambda x, y: x * y, (1.0, 2.0), order=2).checks[2:]
    assert [c.label for c in second] == ["x, x", "y, x", "x, y", "y, y"]


def test_arguments_of_a_function_without_a_signature_are_labelled_by_number():
    assert [c.label for c in gradcheck(max, (1.0, 2.0)).checks] == ["argument 0", "argument 1"]


def test_arrays_are_labelled_by_index():
    np = pytest.importorskip("numpy")
    report = gradcheck(lambda a: a[0, 1] * a[1, 0], (np.ones((2, 2)),))
    assert [c.label for c in report.checks] == ["a[0, 0]", "a[0, 1]", "a[1, 0]", "a[1, 1]"]


@pytest.mark.parametrize(
    ("f", "xs", "error", "message"),
    [
        (
            lambda x: 1.0,
            1.0,
            TypeError,
            r"<lambda> must return one Value, and returned float 1\.0, which carries no graph",
        ),
        (lambda x: [x], 1.0, TypeError, "<lambda> must return one Value, and returned list"),
        (lambda w: w[0], [1.0, 2.0], TypeError, "cannot be called with the 2 argument"),
        (ad.log, -1.0, DomainError, "log is not defined at x = -1"),
        (ad.sqrt, 0.0, DomainError, "sqrt is not differentiable at x = 0"),
    ],
)
def test_what_cannot_be_checked_is_refused(f, xs, error, message):
    with pytest.raises(error, match=message):
        gradcheck(f, xs)


def test_an_edge_of_the_domain_says_that_both_sides_are_needed():
    with pytest.raises(DomainError, match="pow is not defined at x = -") as error:
        gradcheck(lambda x: x**1.5, 0.0)
    assert "beside x = 0.0: gradcheck needs f to be defined on both sides" in error.value.__notes__[0]


def test_an_overflow_beside_x_says_that_both_sides_are_needed():
    def f(x):
        if x.data != 0.0:
            raise OverflowError("too large")
        return x * 2.0

    with pytest.raises(OverflowError, match="too large") as error:
        gradcheck(f, 0.0)
    assert "beside x = 0.0: gradcheck needs f to be defined on both sides" in error.value.__notes__[0]


def test_the_order_is_1_or_2():
    with pytest.raises(ValueError, match="order 1 or 2, not 3"):
        gradcheck(ad.sin, 1.0, order=3)


# The report.


def test_the_report_is_an_aligned_table_with_the_taylor_remainder_at_its_foot():
    text = str(gradcheck(lambda x, weight: ad.relu(x) + weight**2, (0.0, 1000.0)))
    title, header, *rows, foot = text.split("\n")
    assert title == "gradcheck of <lambda>: 1 ok, 1 kink"
    assert header.split("  ")[0] == "input"
    assert [row.split()[0] for row in rows] == ["x", "weight"]
    assert {line.rindex("  ") for line in (header, *rows)} == {header.rindex("  ")}  # the last column starts alike
    assert foot == "Taylor remainder: order 2.00, ok (2 when right, 1 when wrong)"


def test_a_linear_function_has_an_exact_taylor_expansion():
    report = gradcheck(lambda x, y: 3.0 * x - y + 1.0, (0.1, 7.0))
    assert report.taylor_order is None
    assert str(report).endswith("Taylor remainder: exact (nothing left but round-off)")


@pytest.mark.parametrize("xs", [(0.0, 0.0, 0.0), (1e-8, 0.0, 1e6)])
def test_round_off_that_shrinks_with_the_step_is_not_taken_for_a_remainder(xs):
    assert gradcheck(lambda x, y, z: x + x + y + z, xs).taylor_order is None


@pytest.mark.parametrize(
    ("order", "foot"),
    [
        (None, "exact (nothing left but round-off)"),
        (1.0, "order 1.00, wrong (2 when right, 1 when wrong)"),
        (1.5, "order 1.50, wrong (2 when right, 1 when wrong)"),
        (2.0, "order 2.00, ok (2 when right, 1 when wrong)"),
        (4.4, "order 4.40, ok (2 when right, 1 when wrong)"),
        (4.5, "order above 4, ok (2 when right, 1 when wrong)"),
        (5.0, "order above 4, ok (2 when right, 1 when wrong)"),
    ],
)
def test_the_foot_says_the_order_of_the_taylor_remainder_up_to_4(order, foot):
    report = ad.GradcheckReport("f", (), order)
    assert report.foot == f"Taylor remainder: {foot}"
    assert report.ok == ("wrong (" not in foot)


def test_the_title_counts_each_verdict():
    given = ["wrong", "ok", "kink", "wrong", "undecided", "ok", "ok"]
    report = ad.GradcheckReport(
        "f", tuple(ad.Check(f"x{i}", 1.0, 1.0, verdict) for i, verdict in enumerate(given)), None
    )
    assert report.title == "gradcheck of f: 3 ok, 1 kink, 1 undecided, 2 wrong"


def test_sixty_rows_are_shown_whatever_their_verdict():
    rows = [ad.Check(f"x{i}", 1.0, 1.0, "ok") for i in range(61)]
    assert "more" not in str(ad.GradcheckReport("f", tuple(rows[:60]), None))
    text = str(ad.GradcheckReport("f", tuple(rows), None))
    assert "\nx59 " in text and "\nx60 " not in text and "\n… and 1 more, none of them wrong\n" in text


def test_the_taylor_direction_is_seeded():
    f = lambda x, y: ad.sin(x) * y**3  # noqa: E731
    assert str(gradcheck(f, (0.3, 2.0), seed=1)) == str(gradcheck(f, (0.3, 2.0), seed=1))
    assert gradcheck(f, (0.3, 2.0)).taylor_order == gradcheck(f, (0.3, 2.0), seed=0).taylor_order
    assert gradcheck(f, (0.3, 2.0), seed=1).taylor_order != gradcheck(f, (0.3, 2.0), seed=2).taylor_order


def test_a_long_report_shows_its_first_rows_and_every_wrong_one(faulty):
    double = faulty(lambda xp, x: x + x, lambda xp, out, x: 1.0)
    report = wrong(lambda w: ad.sum([*w[:-1], double(w[-1])]), ([1.0] * 200,))
    lines = str(report).split("\n")
    assert len(lines) == 1 + 1 + 60 + 1 + 1 + 1
    assert lines[-3].startswith("w[199]")
    assert lines[-2] == "… and 139 more, none of them wrong"
    html = report._repr_html_()
    assert html.count("<tr>") == 62
    assert html.endswith(f"<p>… and 139 more, none of them wrong<br>{lines[-1]}</p>")


def test_a_short_report_in_html_ends_with_the_taylor_remainder_alone():
    report = gradcheck(ad.sin, 0.5)
    assert report._repr_html_().endswith(f"</table><p>{report.foot}</p>")
    assert str(report).endswith(f"ok\n{report.foot}")


def test_labels_and_names_are_escaped_in_html():
    def f(p):
        return p["<script>&"] * 2.0

    f.__name__ = "<b>"
    html = gradcheck(f, ({"<script>&": 1.0},))._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;&amp;" in html
    assert html.startswith("<table>")
