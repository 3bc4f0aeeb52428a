"""define_op: a user's own row in the table of operations."""

# What isinstance makes of Any (a tuple of what?) is partially unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownMemberType=false

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Sequence
from typing import Any

from autodiff.engine import function
from autodiff.floats import shorten
from autodiff.namespaces import FLOATS
from autodiff.op import OPS, PRIMITIVES, REALS, Domain, Op, Rule
from autodiff.ops import BUILT_IN
from autodiff.symbols import SYMBOLS, Symbol, symbol


def define_op(
    name: str,
    value: Rule,
    partials: Sequence[Rule] | Rule,
    *,
    symbol: str | None = None,
    domain: Domain | tuple[str, Callable[..., bool]] = REALS,
    doc: str = "",
) -> Callable[..., Any]:
    """Add an operation of your own and get its function: floats give a float, Values a Value.

    Parameters
    ----------
    name : an identifier; defining your own operation again replaces it, the built-in ones stay
    value : ``value(xp, *x)``, written against the namespace xp (xp.exp, not math.exp)
    partials : one ``partial(xp, out, *x)`` per operand, ``out`` being the value already computed; for an
        n-ary ``value(xp, *x)`` one function that returns them all
    symbol : how pictures show it; the name when not given
    domain : a `Domain`, or (text, predicate), where it is defined
    doc : one sentence for its documentation

    It then has what the built-in operations have: clear errors, pictures, formulas, gradcheck, derivatives of
    every order. For choices at kinks use xp.step, xp.compare, xp.maximum or xp.unless: ``if x > 0`` does
    not run on every namespace.

    Raises ValueError for a name that is built in or no identifier, or a wrong number of partials; TypeError for
    rules that are not written against xp.

    >>> from autodiff import Value, define_op, grad
    >>> square_log = define_op(
    ...     "square_log",
    ...     lambda xp, x: xp.log(x) ** 2,
    ...     [lambda xp, out, x: 2.0 * xp.log(x) / x],
    ...     domain=("x > 0", lambda x: x > 0),
    ... )
    >>> y = square_log(Value(1.0, "x"))
    >>> grad(square_log)(2.0), grad(grad(square_log))(1.0)
    (0.6931471805599453, 2.0)
    >>> square_log(-1.0)
    Traceback (most recent call last):
        ...
    autodiff.errors.DomainError: square_log is not defined at x = -1.0: its domain is x > 0
    """
    _check_name(name)
    if name in BUILT_IN:
        raise ValueError(f"operation {name!r} is built in; choose another name")
    if name in PRIMITIVES:
        raise ValueError(f"{name!r} is what rules write xp.{name} for ({PRIMITIVES[name]}); choose another name")
    _check_rules(name, value, partials)
    rules = partials if callable(partials) else tuple(partials)
    where = domain if isinstance(domain, Domain) else Domain(*_text_and_predicate(name, domain))
    op = Op(name, symbol or name, value, rules, where, doc or f"The operation {name}, defined by its user.")
    try:
        found = _on_symbols(op)
    except (TypeError, AttributeError, LookupError, ValueError) as error:
        raise TypeError(
            f"operation {name!r} does not run on every namespace ({error}): write its rules against xp (xp.exp in "
            f"place of math.exp), with xp.step, xp.compare or xp.unless in place of if"
        ) from error
    if any(derivative is None for derivative in found):
        raise TypeError(f"a partial of operation {name!r} gives None: it must return its result")
    OPS[name] = op
    return function(op)


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"an operation's name must be an identifier, not {shorten(name)}")


def _check_rules(name: str, value: Any, partials: Any) -> None:
    if not callable(value):
        raise TypeError(f"the value of operation {name!r} is a function value(xp, x), not {shorten(value)}")
    if not callable(partials) and not (isinstance(partials, list | tuple) and all(map(callable, partials))):
        raise TypeError(
            f"the partials of operation {name!r} are one function partial(xp, out, x) for each operand, in a list, not "
            f"{shorten(partials)}"
        )
    operands = [p for p in inspect.signature(value).parameters.values() if p.kind is not p.KEYWORD_ONLY][1:]
    if not operands:
        raise TypeError(f"the value of operation {name!r} takes xp first, and then its operands: write lambda xp, x: …")
    if any(p.kind is p.VAR_POSITIONAL for p in operands) or callable(partials):
        return
    takes = ", ".join(["xp", "out", *(p.name for p in operands)])
    for partial in partials:
        try:
            inspect.signature(partial).bind(*takes.split(", "))
        except TypeError:
            raise TypeError(
                f"a partial of operation {name!r} takes {takes}, in this order: write lambda {takes}: …"
            ) from None


def _text_and_predicate(name: str, domain: Any) -> Any:
    if isinstance(domain, tuple) and len(domain) == 2 and isinstance(domain[0], str) and callable(domain[1]):
        return domain
    raise TypeError(
        f"the domain of operation {name!r} is a Domain or a pair of text and predicate, as in "
        f'("x > 0", lambda x: x > 0), not {shorten(domain)}'
    )


class _KnownSymbols:
    """The namespace of symbols, but only with the functions that every namespace has."""

    def __getattr__(self, name: str) -> Any:
        getattr(FLOATS, name)
        return getattr(SYMBOLS, name)


def _on_symbols(op: Op) -> Sequence[Any]:
    """The partials of a row, by its rules; an error where they give no expressions, or not one for each operand."""
    xp = _KnownSymbols()
    operands = tuple(Symbol(x) for x in op.operand_names(2))
    out = symbol(op.value(xp, *operands))
    if isinstance(op.partials, tuple):
        found: Sequence[Any] = [op.partial(i, xp, out, *operands) for i in range(len(operands))]
    else:
        found = op.partials(xp, out, *operands)
    if len(found) != len(operands):
        raise ValueError(f"its partials give {len(found)} derivatives for {len(operands)} operands")
    return [None if derivative is None else symbol(derivative) for derivative in found]
