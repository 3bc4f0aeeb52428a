"""A row of the op table as source text, in C or JavaScript: its value and local derivatives as functions of numbers.

A row runs on a namespace whose numbers are expressions; what comes out is printed. Nothing of a row is written here:
a dialect only knows how a language spells the primitives and the elementary functions. Needs the standard library
alone, and nothing of the engine: the native engine is built from the C, the step-through page runs the JavaScript.
"""

# The rows' rules have no one type.
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from autodiff.namespaces import Namespace, on_floats_too, over_operands
from autodiff.op import ELEMENTARY, REALS, Op
from autodiff.recording import Recorded

_OWN = "step compare less unless floor total largest".split()  # the primitives that a dialect spells


@dataclass(frozen=True)
class Dialect:
    """How a language writes numbers, functions and loops."""

    number: Callable[[float], str]
    spelling: dict[str, str]  # of the functions that it calls otherwise, or writes with signs: in brackets then
    constant: str  # what a value of a function is declared as,
    variable: str  # and one that changes
    loop: str
    parameter: str
    function: str  # the head of a function of numbers
    n_ary_value: str  # and of the two of an n-ary row
    n_ary_partials: str
    prelude: str  # the functions that the language lacks

    def call(self, function: str, args: Sequence[str]) -> str:
        spelled = self.spelling.get(function, function)
        return spelled.format(*args) if "{" in spelled else f"{spelled}({', '.join(args)})"


_C_PRELUDE = """
#include <math.h>

static inline double step(double x) { return x > 0.0 ? 1.0 : 0.0; }
static inline double compare(double x, double y) { return (double)((x > y) - (x < y)); }
static inline double larger(double x, double y) { return x >= y ? x : y; }
static inline double smaller(double x, double y) { return x <= y ? x : y; }
static inline double mod(double x, double y) { /* as Python's %: with the sign of y */
    double r = fmod(x, y);
    return r == 0.0 ? copysign(0.0, y) : (r < 0.0) != (y < 0.0) ? r + y : r;
}
"""

_JAVASCRIPT_PRELUDE = """
const step = x => (x > 0 ? 1 : 0);
const compare = (x, y) => (x > y) - (x < y);
const larger = (x, y) => (x >= y ? x : y);
const smaller = (x, y) => (x <= y ? x : y);
function mod(x, y) { // with the sign of y
    const r = x % y;
    return r === 0 ? (y < 0 ? -0 : 0) : (r < 0) !== (y < 0) ? r + y : r;
}
function exp_minus_square(x) { // exp(-x*x), with half of the bits of x, whose square is exact
    const scaled = 134217729 * x, h = scaled - (scaled - x);
    return Math.exp(-h * h) * Math.exp(-(x - h) * (x + h));
}
function erf(x) { // Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.6: a sum of positive terms
    if (Math.abs(x) > 0.5) return x > 0 ? 1 - erfc(x) : erfc(-x) - 1;
    let sum = 0;
    for (let n = 20; n >= 0; n--) sum = 1 + (sum * 2 * x * x) / (2 * n + 3);
    return (2 / Math.sqrt(Math.PI)) * x * exp_minus_square(x) * sum;
}
function erfc(x) { // 7.1.14: a continued fraction, from as far out as x needs
    if (x <= 0.5) return x < -0.5 ? 2 - erfc(-x) : 1 - erf(x);
    if (x > 28) return 0;
    let tail = x;
    for (let n = Math.ceil(220 / (x * x)) + 8; n > 0; n--) tail = x + n / 2 / tail;
    return exp_minus_square(x) / (Math.sqrt(Math.PI) * tail);
}
"""


def _number(infinity: str) -> Callable[[float], str]:
    return lambda x: repr(x).replace("inf", infinity)  # the shortest digits that are read back as x


_SIGNS = {
    "less": "({0} < {1})",
    "unless": "({0} ? {1} : {2})",
    "maximum": "larger",
    "minimum": "smaller",
    "sign": "compare({0}, 0.0)",
}

C = Dialect(
    number=_number("INFINITY"),
    spelling={
        **_SIGNS,
        "abs": "fabs",
        "arcsin": "asin",
        "arccos": "acos",
        "arctan": "atan",
        "arctan2": "atan2",
        "arcsinh": "asinh",
        "arccosh": "acosh",
        "arctanh": "atanh",
    },
    constant="const double",
    variable="double",
    loop="for (ptrdiff_t i = 0; i < n; i++) {",
    parameter="double {}",
    function="static inline double {name}({parameters}) {{",
    n_ary_value="static double {name}_value(ptrdiff_t n, const double *x) {{",
    n_ary_partials="static void {name}_partials(ptrdiff_t n, double out, const double *x, double *d) {{",
    prelude=_C_PRELUDE,
)

_MATH = "pow exp log log2 log10 log1p expm1 sqrt sin cos tan sinh cosh tanh abs floor".split()

JAVASCRIPT = Dialect(
    number=_number("Infinity"),
    spelling={
        **_SIGNS,
        **{name: f"Math.{name}" for name in _MATH},
        "exp2": "Math.pow(2, {0})",
        "arcsin": "Math.asin",
        "arccos": "Math.acos",
        "arctan": "Math.atan",
        "arctan2": "Math.atan2",
        "arcsinh": "Math.asinh",
        "arccosh": "Math.acosh",
        "arctanh": "Math.atanh",
    },
    constant="const",
    variable="let",
    loop="for (let i = 0; i < n; i++) {",
    parameter="{}",
    function="function {name}({parameters}) {{",
    n_ary_value="function {name}_value(n, x) {{",
    n_ary_partials="function {name}_partials(n, out, x, d) {{",
    prelude=_JAVASCRIPT_PRELUDE,
)


_OPERATORS = {
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{} * {}",
    "divide": "{} / {}",
    "remainder": "mod",
    "power": "pow",
    "negative": "-{}",
    "absolute": "abs",
    "floor": "floor",
    "equal": "{} == {}",
    "not_equal": "{} != {}",
    "less": "{} < {}",
    "less_equal": "{} <= {}",
    "greater": "{} > {}",
    "greater_equal": "{} >= {}",
    "logical_and": "{} && {}",
}


class Expression(Recorded):
    """A number in the text: a parameter, or a function of others. Of an n-ary row's operands one stands for all.

    ``varies`` says whether it depends on which operand that is, so that it belongs into a loop.
    """

    def __init__(self, function: str, args: tuple[Expression | float, ...] = (), varies: bool = False) -> None:
        self.function = function
        self.args = args
        self.varies = varies

    def noted(self, function: str, *args: Any) -> Expression:
        return _expression(_OPERATORS[function], *args)

    def __bool__(self) -> bool:
        if not _answers:
            raise TypeError("a rule takes xp.unless in place of if")
        try:
            return next(_answers[-1])
        except StopIteration:
            raise _QuestionError(self) from None


class _QuestionError(Exception):
    """A predicate asks for the truth of the condition that this holds."""


_answers: list[Iterator[bool]] = []  # what conditions come to in the run of a predicate that is on
_MOST_QUESTIONS = 16
_made: dict[tuple[Any, ...], Expression] = {}  # of the row that is being written: equal expressions are one


def _expression(function: str, *args: Any) -> Expression:
    key = (function, *(id(a) if isinstance(a, Expression) else float(a).hex() for a in args))
    if key not in _made:
        varies = function not in ("total", "largest") and any(isinstance(a, Expression) and a.varies for a in args)
        _made[key] = Expression(function, tuple(args), varies)
    return _made[key]


_TEXT = Namespace(
    "source text",
    number=float,
    pi=math.pi,
    constant=lambda x: x,
    **{
        name: on_floats_too(name, functools.partial(_expression, name))
        for name in (*_OWN, *ELEMENTARY)
        if name not in ("total", "largest")
    },
    total=over_operands(functools.partial(_expression, "total")),
    largest=over_operands(functools.partial(_expression, "largest")),
)


class _Writer:
    """The body of one function: statements for what is used more than once, loops for what is added up."""

    def __init__(self, dialect: Dialect, outputs: Sequence[Any]) -> None:
        self.dialect = dialect
        self.lines: list[str] = []
        self.names: dict[Expression, str] = {}
        self.indent = "    "
        self.count = 0
        self.uses: dict[Expression, int] = {}
        for output in outputs:
            self._count(output)

    def _count(self, e: Any) -> None:
        if isinstance(e, Expression):
            self.uses[e] = self.uses.get(e, 0) + 1
            if self.uses[e] == 1:
                for a in e.args:
                    self._count(a)

    def text(self, e: Any, outermost: bool = False) -> str:
        """The expression, in brackets where it is not one word; whatever it needs stands in the lines before."""
        if not isinstance(e, Expression):
            return self.dialect.number(float(e))
        if not e.args:
            return e.function
        if e not in self.names and (self.uses[e] > 1 or e.function in ("total", "largest")):
            self._name(e)
        if e in self.names:
            return self.names[e]
        written = self._written(e)
        return written if outermost or "{" not in e.function else f"({written})"

    def _written(self, e: Expression) -> str:
        return self.dialect.call(e.function, [self.text(a) for a in e.args])

    def _name(self, e: Expression) -> None:
        if e.function in ("total", "largest"):
            self.constants(e.args[0])
            name = self._new_name(e.function)
            start = -0.0 if e.function == "total" else -math.inf
            self.line(f"{self.dialect.variable} {name} = {self.dialect.number(start)};")
            self.loop(lambda: self._add_to(name, e))
        else:
            written = self._written(e)
            name = self._new_name("t")
            self.line(f"{self.dialect.constant} {name} = {written};")
        self.names[e] = name

    def _new_name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def _add_to(self, name: str, e: Expression) -> None:
        args = [name, self.text(e.args[0])]
        joined = " + ".join(args) if e.function == "total" else self.dialect.call("maximum", args)
        self.line(f"{name} = {joined};")

    def constants(self, e: Any) -> None:
        """Name what a loop needs and does not change: it is computed once, before."""
        if isinstance(e, Expression) and e.args:
            if e.varies:
                for a in e.args:
                    self.constants(a)
            elif e not in self.names:
                self._name(e)

    def loop(self, body: Callable[[], None]) -> None:
        names, indent = dict(self.names), self.indent
        self.line(self.dialect.loop)
        self.indent += "    "
        body()
        self.names, self.indent = names, indent
        self.line("}")

    def line(self, text: str) -> None:
        self.lines.append(self.indent + text)


def row_source(op: Op, dialect: Dialect) -> str:
    """The functions of one row: NAME_value(x, y) and, for each operand, NAME_partial_0(out, x, y).

    Of an n-ary row NAME_value(n, x) and NAME_partials(n, out, x, d), which fills d: ``x`` holds its vectors of n
    operands one behind the other.

    >>> from autodiff.codegen import JAVASCRIPT, row_source
    >>> from autodiff.ops import OPS
    >>> print(row_source(OPS["relu"], JAVASCRIPT))
    function relu_value(x) {
        return larger(x, 0.0);
    }
    <BLANKLINE>
    function relu_partial_0(out, x) {
        return step(x);
    }
    """
    try:
        return "\n\n".join(_n_ary(op, dialect) if op.n_ary else _fixed(op, dialect))
    finally:
        _made.clear()


def _fixed(op: Op, dialect: Dialect) -> Iterable[str]:
    x, out = tuple(map(Expression, _parameters(op))), Expression("out")
    yield _function_of(dialect, f"{op.name}_value", _parameters(op), op.value(_TEXT, *x))
    for i in range(len(x)):
        partial = op.partial(i, _TEXT, out, *x)
        yield _function_of(dialect, f"{op.name}_partial_{i}", ("out", *_parameters(op)), partial)


def _parameters(op: Op) -> tuple[str, ...]:
    """The operands' names; a longer one so that it is no word of a language and none of its functions."""
    return tuple(name if len(name) == 1 else f"{name}_" for name in op.operands)


def _function_of(dialect: Dialect, name: str, parameters: Sequence[str], result: Any) -> str:
    writer = _Writer(dialect, [result])
    writer.line(f"return {writer.text(result, outermost=True)};")
    listed = ", ".join(dialect.parameter.format(p) for p in parameters)
    return "\n".join([dialect.function.format(name=name, parameters=listed), *writer.lines, "}"])


def domain_source(op: Op, dialect: Dialect) -> str:
    """NAME_contains(x, y) and NAME_smooth(x, y): whether the row has a value there, and a derivative; "" where it
    always has.

    A predicate is Python with ``and``, ``or`` and a < b < c: it runs once for each way in which its conditions can come
    out. Raises TypeError or ValueError for one that cannot be written so, and for one of an n-ary row.

    >>> from autodiff.codegen import JAVASCRIPT, domain_source
    >>> from autodiff.ops import OPS
    >>> print(domain_source(OPS["log"], JAVASCRIPT))
    function log_contains(x) {
        return x > 0.0;
    }
    """
    predicates = {"contains": op.domain.contains, "smooth": op.domain.smooth}
    predicates = {name: known for name, known in predicates.items() if known not in (None, REALS.contains)}
    if op.n_ary and predicates:
        raise ValueError(f"the domain of {op.name}, which takes any number of operands, cannot be written")
    names = _parameters(op)
    try:
        found = {name: _decided(known, tuple(map(Expression, names)), ()) for name, known in predicates.items()}  # type: ignore[arg-type]
        return "\n\n".join(_function_of(dialect, f"{op.name}_{name}", names, e) for name, e in found.items())
    finally:
        _made.clear()


def _decided(predicate: Callable[..., Any], x: tuple[Expression, ...], answers: tuple[bool, ...]) -> Any:
    if len(answers) > _MOST_QUESTIONS:
        raise ValueError("a domain of so many conditions cannot be written")
    _answers.append(iter(answers))
    try:
        return predicate(*x)
    except _QuestionError as question:
        (condition,) = question.args
    finally:
        _answers.pop()
    yes, no = (_decided(predicate, x, (*answers, answer)) for answer in (True, False))
    return _expression("unless", condition, yes, no)


def _n_ary(op: Op, dialect: Dialect) -> Iterable[str]:
    places = ["i", "n + i", *(f"{k} * n + i" for k in range(2, len(op.vectors)))]
    x = tuple(Expression(f"x[{place}]", varies=True) for place, _ in zip(places, op.vectors, strict=False))
    value = op.value(_TEXT, *x)
    writer = _Writer(dialect, [value])
    writer.line(f"return {writer.text(value, outermost=True)};")
    yield "\n".join([dialect.n_ary_value.format(name=op.name), *writer.lines, "}"])

    partials = op.every_partial(_TEXT, Expression("out"), *x)
    writer = _Writer(dialect, partials)
    for partial in partials:
        writer.constants(partial)

    def fill() -> None:
        for place, partial in zip(places, partials, strict=False):
            writer.line(f"d[{place}] = {writer.text(partial, outermost=True)};")

    writer.loop(fill)
    yield "\n".join([dialect.n_ary_partials.format(name=op.name), *writer.lines, "}"])


def source(ops: Iterable[Op], dialect: Dialect) -> str:
    """The functions of several rows, after those that the language lacks."""
    return "\n\n".join([dialect.prelude.strip(), *(row_source(op, dialect) for op in ops)]) + "\n"
