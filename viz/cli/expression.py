"""Expressions to be evaluated for any numbers: "q = x + y; f = q * z" becomes a graph of Values.

`reader` reads the text; here it is said what names may stand for, and what was read is computed by the rows of the op
table. Every error speaks of the user's own expression, never of a row's x and y.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from autodiff import DomainError, Value, functions, topological_order
from autodiff.op import OPERATORS, OPS, Op
from viz.cli.reader import TOO_LARGE, ExpressionError, Node, Statement, error_at, normalised, statements
from viz.derivation.formulas import in_users_names
from viz.writing.numbers import format_number
from viz.writing.text import plain, shorten

_CONSTANTS = {"pi": math.pi, "π": math.pi, "e": math.e}
_OF_LISTS: dict[str, Callable[..., Any]] = {
    name: getattr(functions, name) for name in ("sum", "mean", "dot", "logsumexp")
}
_ALSO = {"σ": "sigmoid", "max": "maximum", "min": "minimum"}  # as they are printed
_OTHERS = {  # as others call them
    "ln": "log", "lg": "log(x)/log(10)", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "tg": "tan",
    "arctg": "arctan", "sh": "sinh", "ch": "cosh", "th": "tanh", "sigm": "sigmoid", "logistic": "sigmoid",
    "square": "x**2", "sqr": "x**2", "cbrt": "x**(1/3)", "swish": "silu", "fabs": "abs",
}  # fmt: skip
_FUNCTIONS = frozenset({*OPS, *_OF_LISTS, *_ALSO, *_OTHERS} - set(OPERATORS))
_NO_NUMBER = "this is no number: write one, as -2, 0.5, 1/3 or pi"
_LONGEST_QUOTE = 60  # characters of an expression in an error


class Expression:
    """Statements read from a text, to be evaluated for any numbers.

    text : "name = expression", several separated by semicolons or newlines; the last is the result, and its name may be
        left out
    inputs : the names that the statements use and do not assign, in order of their first use

    Raises `ExpressionError` for a text that is not of this kind, for a name that is assigned twice, used before
    it is assigned, or computed in vain.

    >>> from viz.cli.expression import Expression
    >>> Expression("q = x + y; f = q * z").inputs
    ('x', 'y', 'z')
    >>> Expression("f = x + foo(x)")
    Traceback (most recent call last):
        ...
    viz.cli.reader.ExpressionError: there is no function foo
      f = x + foo(x)
              ^
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.statements = self._named(statements(text, _FUNCTIONS))
        self.inputs = self._names()

    @property
    def result(self) -> str:
        return self.statements[-1].name

    def evaluate(self, inputs: Mapping[str, Any], held: Mapping[str, float] | None = None) -> dict[str, Value]:
        """Every name with its Value, labelled: the inputs in the order of their use, then what is assigned.

        inputs : a number or a Value for each input (a Value is used as it is)
        held : inputs that are numbers and no Values: nothing is differentiated by them

        Raises ExpressionError for an input that is missing or too many; DomainError and OverflowError where an
        operation has no finite value, in the words of the expression, with the statement as a note.
        """
        fixed = {normalised(name): float(x) for name, x in (held or {}).items()}
        given = {normalised(name): x for name, x in inputs.items()}
        self._require(given | fixed)
        found: dict[str, Value] = {
            name: x if isinstance(x := given[name], Value) else Value(x, label=name)
            for name in self.inputs
            if name not in fixed
        }
        for statement in self.statements:
            try:
                result = self._value(statement.expression, {**fixed, **found})
            except (DomainError, ArithmeticError) as error:
                error.add_note(f"in {self.source(statement)}")
                raise
            if not isinstance(result, Value):
                result = Value(result)
            result.label = statement.name
            found[statement.name] = result
        return found

    @property
    def text_shortened(self) -> str:
        """The text on one line, cut where it is long: for messages."""
        return shorten(plain(" ".join(self.text.split())), 100)

    def source(self, statement: Statement) -> str:
        return f"{statement.name} = {self._quoted(statement.expression, _LONGEST_QUOTE)}"

    def lines(self, values: Mapping[str, Value]) -> tuple[list[str], dict[Value, int]]:
        """The statements as lines, and for each Value that one of them made which, counted from 0."""
        made: dict[Value, int] = {}
        for i, statement in enumerate(self.statements):
            for node in topological_order(values[statement.name]):
                if node.op is not None:
                    made.setdefault(node, i)
        return [self.source(statement) for statement in self.statements], made

    def _quoted(self, node: Node, longest: int) -> str:
        return shorten(plain(" ".join(self.text[node.start : node.stop].split())), longest)

    def _error(self, reason: str, node: Node) -> ExpressionError:
        return error_at(reason, self.text, node.start)

    def _named(self, read: list[Statement]) -> list[Statement]:
        """The statements with the last one named, each name once."""
        *before, last = read
        for statement in before:
            if not statement.name:
                raise error_at(
                    "give it a name: q = …; only the last expression may go without", self.text, statement.place
                )
        if not last.name:
            if last.expression.kind == "name" and not self._is_function(last.expression.text):
                raise self._error(f"{last.expression.text} alone computes nothing: write an operation", last.expression)
            used = {name.text for statement in read for name in _names_in(statement.expression)}
            used |= {statement.name for statement in before}
            last = replace(last, name=next(name for name in ("f", "y", "r", "result", "_") if name not in used))
        taken: set[str] = set()
        for statement in (*before, last):
            if statement.name in taken:
                said = f"{statement.name} is assigned twice: give the second value a name of its own"
                raise error_at(said, self.text, statement.place)
            taken.add(statement.name)
            self._not_only_a_name(statement)
        return [*before, last]

    def _not_only_a_name(self, statement: Statement) -> None:
        node = statement.expression
        if node.kind == "name" and not self._is_function(node.text):
            said = f"{statement.name} would be another name for the same value: use one"
            raise self._error(said, node)

    def _names(self) -> tuple[str, ...]:
        """The inputs; every statement checked on the way."""
        assigned = {statement.name for statement in self.statements}
        done: set[str] = set()
        used: set[str] = set()
        inputs: dict[str, None] = {}
        for statement in self.statements:
            self._check(statement.expression)
            for name in _names_in(statement.expression):
                if name.text in assigned and name.text not in done:
                    own = name.text == statement.name
                    said = f"{name.text} is defined by itself" if own else f"{name.text} is used before it is assigned"
                    raise self._error(said, name)
                used.add(name.text)
                if name.text not in assigned and name.text not in _CONSTANTS:
                    inputs[name.text] = None
            done.add(statement.name)
        for statement in self.statements[:-1]:
            if statement.name not in used:
                said = f"{statement.name} is computed, but {self.result} does not use it"
                raise error_at(said, self.text, statement.place)
        return tuple(inputs)

    def _check(self, expression: Node) -> None:
        """An error for a function that is none, a function without operands, or a list where none belongs."""
        stack = [(expression, False)]
        while stack:
            node, in_call = stack.pop()
            if node.kind == "name" and self._is_function(node.text):
                raise self._error(f"{node.text} is a function: give it an operand, as {node.text}(x)", node)
            if node.kind == "list" and not in_call:
                raise self._error("a list is not allowed here: it stands in sum, mean, dot and logsumexp", node)
            takes_lists = False
            if node.kind == "call":
                function = self.function(node)
                takes_lists = function in _OF_LISTS
                lists = [part for part in node.parts if part.kind == "list"]
                if function == "dot" and (len(lists), len(node.parts)) != (2, 2):
                    raise self._error("dot takes two lists: dot([a, b], [c, d])", node)
                if takes_lists and lists and function != "dot" and len(node.parts) != 1:
                    raise self._error(f"{node.text} takes one list: {node.text}([a, b])", node)
            stack += [(part, takes_lists) for part in reversed(node.parts)]

    def _is_function(self, name: str) -> bool:
        return name in _FUNCTIONS and name not in _ALSO and name not in _OTHERS

    def function(self, node: Node) -> str:
        """The name of the row, or of the function of lists, that a call is of; ExpressionError where it is none."""
        name = _ALSO.get(node.text, node.text)
        if name in OPS or name in _OF_LISTS:
            return name
        if node.text in _OTHERS:
            raise self._error(f"there is no function {node.text}: write {_OTHERS[node.text]}", node)
        near = difflib.get_close_matches(name, [*OPS, *_OF_LISTS], 1)
        known = f"; is it {near[0]}?" if near else ""
        product = f" (a product is {name}*(…))" if len(name) == 1 else ""
        raise self._error(f"there is no function {plain(name)}{known}{product}", node)

    def _require(self, given: Mapping[str, Any]) -> None:
        names = [name for statement in self.statements for name in _names_in(statement.expression)]
        for name in self.inputs:
            if name not in given:
                node = next(n for n in names if n.text == name)
                raise self._error(f"{name} has no value: give it one, as {name}=2", node)
        for name in given:
            if name in self.inputs:
                continue
            assigned = next((s for s in self.statements if s.name == name), None)
            if assigned is not None:
                raise error_at(f"{name} is assigned here and given a value as well", self.text, assigned.place)
            hint = f" (here it is the constant {_CONSTANTS[name]:.6g})" if name in _CONSTANTS else ""
            raise ExpressionError(f"{name} is given a value, but the expression does not use it{hint}", self.text)

    def _value(self, expression: Node, names: Mapping[str, Value | float]) -> Value | float:
        return expression.folded(lambda node, x: self._apply(node, x, names))

    def _apply(self, node: Node, x: list[Any], names: Mapping[str, Value | float]) -> Any:
        if node.kind == "name":
            return names[node.text] if node.text in names else _CONSTANTS[node.text]
        if node.kind == "number":
            return float(node.text)
        if node.kind == "list":
            return x
        name = self.function(node) if node.kind == "call" else node.text
        try:
            if name == "dot":
                return functions.dot(*x)
            if name in _OF_LISTS:
                return _OF_LISTS[name](x[0] if len(x) == 1 and isinstance(x[0], list) else x)
            return functions.call(OPS[name], tuple(x))
        except (DomainError, OverflowError) as error:
            raise self._in_users_words(error, node, OPS.get(name), x) from None
        except (TypeError, ValueError) as error:  # a wrong number of operands
            raise self._error(str(error), node) from None

    def _in_users_words(self, error: Exception, node: Node, op: Op | None, x: list[Any]) -> Exception:
        """An error of the engine, which speaks of the row's x and y, in the words of the expression."""
        if op is None or op.arity is None:
            return error
        written = [self._quoted(part, 24) for part in node.parts]
        said = " and ".join(
            f"{text} = {format_number(float(operand), 6)}"
            for text, part, operand in zip(written, node.parts, x, strict=False)
            if part.kind != "number"
        )
        here = self._quoted(node, _LONGEST_QUOTE)
        at = f" at {said}" if said else ""
        if isinstance(error, DomainError):
            operands = [*written, *(format_number(d, 6) for d in op.defaults)][: len(op.operands)]
            varying = {name for name, part in zip(op.operands, node.parts, strict=False) if part.kind != "number"}
            if varying.isdisjoint(re.findall(r"\w+", op.domain.text)):  # "its domain is 0 ≠ 0" tells nobody anything
                return DomainError(f"{here} is not defined{at}")
            domain = in_users_names(op.domain.text, op, operands)
            return DomainError(f"{here} is not defined{at}: its domain is {domain}")
        return OverflowError(f"{here} overflows{at}")


def _names_in(expression: Node) -> Iterator[Node]:
    """The names in an expression, from left to right."""
    stack = [expression]
    while stack:
        node = stack.pop()
        if node.kind == "name":
            yield node
        stack += reversed(node.parts)


def constant(text: str) -> float:
    """A number as it may be given for an input: −2, 1/3, pi, 2e-3, √2.

    Raises ValueError with a sentence that says what to write instead; DomainError for 1/0.

    >>> constant("1/3"), constant("−2×10⁻³"), constant("pi/2")
    (0.3333333333333333, -0.002, 1.5707963267948966)
    """
    given = plain(text.strip())
    if re.fullmatch(r"[+−-]?(nan|inf|infinity|∞)", given, re.IGNORECASE):
        raise ValueError("this is no finite number")
    if re.fullmatch(r"[+−-]?\d+,\d+", given):
        raise ValueError(f"write {given.replace(',', '.')}, with a point")
    try:
        read = statements(text, _FUNCTIONS)
        if len(read) != 1 or read[0].name:
            raise ValueError(_NO_NUMBER)
        if read[0].expression.kind == "name" and read[0].expression.text in _CONSTANTS:
            return _CONSTANTS[read[0].expression.text]
        expression = Expression(text)
        if not expression.inputs:
            return float(expression.evaluate({})[expression.result])
        raise ValueError(_NO_NUMBER)
    except ExpressionError as error:
        raise ValueError(TOO_LARGE if error.reason == TOO_LARGE else _NO_NUMBER) from None


def evaluate(text: str, inputs: Mapping[str, Any]) -> dict[str, Value]:
    """Every name in ``text`` with its Value: the inputs, then what is assigned, the result last.

    text : "name = expression", several separated by semicolons or newlines. An expression has numbers, names, + − *
        / **, brackets, pi, e, the functions of the op table, and sum, mean, dot, logsumexp of lists;
        · × ÷ ² √ σ |x| too
    inputs : a number or a Value for each name that is used and not assigned

    Raises `ExpressionError`, whose message points at the place, for anything else; DomainError and OverflowError where
    an operation has no finite value.

    >>> from viz.cli.expression import evaluate
    >>> values = evaluate("q = x + y; f = q * z", {"x": -2, "y": 5, "z": -4})
    >>> values["f"].backward()
    >>> {name: value.grad for name, value in values.items()}
    {'x': -4.0, 'y': -4.0, 'z': 3.0, 'q': -4.0, 'f': 1.0}
    """
    return Expression(text).evaluate(inputs)
