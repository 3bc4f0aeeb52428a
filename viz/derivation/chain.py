"""The one writer of what a graph computes: each value forward, each contribution of the chain rule backward.

Two derivatives, two notations: ∂q/∂x is local, of one operation by one of its operands; df/dx is total, along every
path from f down to x. The step-through page, the command line and the tooltips of pictures all write by this file, so
that one thing has one form. In what is written each name is a placeholder (`typeset`), and so is each number
(`writing.templates`): `Chain.text` puts them in, for the numbers as the engine has them; a page may put in others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from autodiff import Contribution, Path, Value
from autodiff.floats import data_of, evaluate
from viz.derivation.formulas import Formula, in_users_names, local_derivatives, operation, place
from viz.derivation.typeset import Placeholders, held_together
from viz.writing import templates
from viz.writing.names import Names
from viz.writing.numbers import format_number, number_in, relation

NOTATION = "∂ is local, of one operation by one operand; d is total, along every path"

_LONGEST_FORMULA = 72  # characters, a name counting as one; a longer one is told in words
_MOST_TERMS = 8  # of a sum
_SLOTS = dict.fromkeys(range(0xE000, 0xE004))  # placeholders of numbers, which a user's own symbol must not hold
_TOLD = 6  # operands in one message


@dataclass(frozen=True)
class Equation:
    """An equation in names, in numbers, and what comes out: df/dx = df/dq · ∂q/∂x, then = −4 · 1, then = −4.

    All are templates.

    key : of the number that comes out
    numbers : "" where they would be too long, or say no more than the result
    before_numbers, before_result : "=" or, where it does not hold for the digits shown, "≈"
    """

    symbols: str
    key: str
    numbers: str = ""
    before_numbers: str = "="
    before_result: str = "="

    def __str__(self) -> str:
        middle = f" {self.before_numbers} {self.numbers}" if self.numbers else ""
        return f"{self.symbols}{middle} {self.before_result} {templates.number(self.key)}"


class Chain:
    """The writer for the graph with the nodes ``order``: the last one is the output.

    names : as `writing.names.names_of` gives them
    digits : significant digits of every number
    """

    def __init__(self, order: Sequence[Value], names: Names, digits: int) -> None:
        self.y, self.digits = order[-1], digits
        self.index = {node: i for i, node in enumerate(order)}
        self.numbers: dict[str, float] = {"seed": 1.0}
        self._order = order
        self.placeholders = Placeholders()
        self._names = names.shown
        self._name = {node: self.placeholders.add(names.shown[node]).text for node in order}
        self._local: dict[Value, tuple[Formula | None, ...]] = {}

    # Parts of equations.

    def number(self, x: float) -> str:
        return format_number(x, self.digits)

    def shown(self, x: float) -> str:
        """A number with its sign of equality: = 0.5, ≈ 0.3333."""
        return f"{'=' if self._in_full(x) else '≈'} {self.number(x)}"

    def keep(self, key: str, x: float) -> str:
        """The key of a number that is told: d3 and g3 (data and gradient of node 3), p4-0 (∂node 4 by its first
        operand), c4-1 (its second operand, a number), a4-0 (what the first receives), …
        """
        self.numbers[key] = x
        return key

    def told(self, key: str) -> str:
        """As `shown`, a template."""
        return f"{templates.in_full(key)} {templates.number(key)}"

    def data(self, node: Value) -> str:
        return self.keep(f"d{self.index[node]}", node.data)

    def operand(self, node: Value, j: int) -> str:
        """An operand's key, of a number too."""
        arg = node.args[j]
        return self.data(arg) if isinstance(arg, Value) else self.keep(f"c{self.index[node]}-{j}", arg)

    def partial(self, node: Value, j: int) -> str:
        return self.keep(f"p{self.index[node]}-{j}", node.partials[j])

    def name(self, node: Value) -> str:
        return self._name[node]

    def total(self, of: Value, by: Value) -> str:
        """df/dx"""
        return f"d{self._held(of)}/d{self._held(by)}"

    def _held(self, node: Value) -> str:
        """A name behind d or ∂: in brackets where it is more than a word."""
        return held_together(self.name(node), self._names[node])

    def local(self, node: Value, operand: int) -> str:
        """∂q/∂x; where x is an operand more than once ∂q/∂x①, ∂q/∂x②: each place counts by itself."""
        arg = node.args[operand]
        assert isinstance(arg, Value)
        places = [i for i, other in enumerate(node.args) if other is arg]
        which = place(places.index(operand)) if len(places) > 1 else ""
        return f"∂{self._held(node)}/∂{self._held(arg)}{which}"

    def formula(self, node: Value) -> Formula:
        """The operation that made ``node``, with the names of its operands: x + y. "" for a leaf."""
        if node.op is None:
            return Formula("")
        formula = operation(node, self._name, self.digits)
        return formula if len(formula.text) <= _LONGEST_FORMULA else Formula(_in_words(node))

    def local_formula(self, node: Value, operand: int) -> str:
        formula = self._local_formulas(node)[operand]
        return formula.text if formula else ""

    def _local_formulas(self, node: Value) -> tuple[Formula | None, ...]:
        if node not in self._local:
            self._local[node] = local_derivatives(node, self._name, self.digits)
        return self._local[node]

    # Equations.

    def value(self, node: Value) -> Equation:
        """q = x + y = (−2) + 5 = 3, of a leaf x = −2."""
        key = self.data(node)
        if node.op is None:
            return Equation(self.name(node), key, before_result=templates.in_full(key))
        formula = self.formula(node)
        symbols = f"{self.name(node)} {'=' if formula.exact else '≈'} {formula.text}"
        numbers = operation(node, {a: templates.operand(self.data(a)) for a in node.parents}, self.digits).text
        too_long = templates.length(numbers, self.digits) > _LONGEST_FORMULA
        if too_long or templates.bare(numbers) in ("", "−"):  # −x = −2 says no more than = −2
            return Equation(symbols, key, before_result=templates.in_full(key) if formula.exact else "≈")
        operands = [self.operand(node, j) for j in range(len(node.args))]
        before = templates.in_full(*map(self.data, node.parents))
        return Equation(symbols, key, numbers, before, templates.outcome(f"op{self.index[node]}", operands, key))

    def seed(self, node: Value | None = None) -> Equation:
        """df/df = 1"""
        node = node or self.y
        return Equation(self.total(node, node), "seed")

    def contribution(self, received: float, node: Value, c: Contribution, several: bool) -> Equation:
        """df/dx = df/dq · ∂q/∂x = −4 · 1 = −4; with += where x receives ``several`` contributions."""
        lead, i = self.total(self.y, c.arg), self.index[node]
        factors = f"{self.total(self.y, node)} · {self.local(node, c.operand)}"
        keys = [self.keep(f"g{i}", received), self.partial(node, c.operand)]
        amount = self.keep(f"a{i}-{c.operand}", c.amount)
        return self._product(f"{lead} {'+=' if several else '='} {factors}", keys, amount)

    def local_derivative(self, node: Value, operand: int) -> Equation:
        """∂q/∂x = 3·x² = 12"""
        formula = self._local_formulas(node)[operand]
        local, key = self.local(node, operand), self.partial(node, operand)
        sign = templates.in_full(key)
        if (
            formula is None
            or len(formula.text) > _LONGEST_FORMULA
            or formula.text == self.number(node.partials[operand])
        ):
            return Equation(local, key, before_result=sign)
        if not formula.exact:
            return Equation(f"{local} ≈ {formula.text}", key, before_result="≈")
        return Equation(f"{local} = {formula.text}", key, before_result=sign)

    def path(self, path: Path, key: str = "path") -> Equation:
        """∂f/∂q · ∂q/∂x = −4 · 1 = −4: what one path contributes. The product is kept as ``key``."""
        if not path.operands:
            return self.seed()
        edges = list(zip(path.nodes, path.operands, strict=False))
        symbols = " · ".join(self.local(node, i) for node, i in edges)
        return self._product(symbols, [self.partial(node, i) for node, i in edges], self.keep(key, path.product))

    def sum_of_paths(self, x: Value, products: Sequence[str], total: str) -> Equation:
        """df/dx = 2 + 3 + 3 = 8: what the paths contribute, added up. By their keys."""
        whole = self.total(self.y, x)
        if not 1 < len(products) <= _MOST_TERMS:
            return Equation(whole, total, before_result=templates.in_full(total))
        summands = " + ".join(_factors(products))
        return Equation(whole, total, summands, templates.in_full(*products), templates.outcome("sum", products, total))

    def tangent(self, node: Value, x: Value, terms: Sequence[tuple[int, str]], amount: str) -> Equation:
        """dq/dx = ∂q/∂x · dx/dx + ∂q/∂y · dy/dx = 1 · 1 + 1 · 0 = 1: forward mode at one node.

        terms : (operand, the key of its tangent) of the operands that depend on x
        amount : the key of what comes out
        """
        factors = [f"{self.local(node, j)} · {self.total(node.args[j], x)}" for j, _ in terms]  # type: ignore[arg-type]
        lead = f"{self.total(node, x)} = {' + '.join(factors)}"
        if len(terms) > _MOST_TERMS:
            lead = f"{self.total(node, x)} = {factors[0]} + … ({len(terms)} terms)"
            return Equation(lead, amount, before_result=templates.in_full(amount))
        pairs = [(self.partial(node, j), tangent) for j, tangent in terms]
        products = " + ".join(" · ".join(_factors(pair, first=k == 0)) for k, pair in enumerate(pairs))
        keys = [key for pair in pairs for key in pair]
        return Equation(lead, amount, products, templates.in_full(*keys), templates.outcome("dot", keys, amount))

    def kink(self, node: Value) -> str:
        """What the table chose where the operation has a kink just here; "" elsewhere."""
        return self.kinked(node) if at_kink(node) else ""

    def kinked(self, node: Value) -> str:
        """What is said at a kink of the node's operation; "" where it has none."""
        op = node.op
        if op is None or not op.domain.smooth_text:
            return ""
        if op.name == "pow" and not isinstance(node.args[1], Value):
            return ""  # the row speaks of the exponent too, but this one is a number and does not vary
        return f"{self.formula(node).text} has a kink here: {self._in_names(op.domain.smooth_text, node)}."

    def _in_names(self, text: str, node: Value) -> str:
        assert node.op is not None
        operands = [self.name(a) if isinstance(a, Value) else self.number(a) for a in node.args]
        return in_users_names(text, node.op, operands)

    def blocked(self) -> str:
        """Where a local derivative is not finite, the nearest to the output: √x has no derivative by x at x = 0.

        "" where there is none such.
        """
        for node in reversed(self._name):
            for i, (arg, partial) in enumerate(zip(node.args, node.partials, strict=True)):
                if isinstance(arg, Value) and not math.isfinite(partial):
                    return self.text(self._blocked(node, i))
        return ""

    def _blocked(self, node: Value, i: int) -> str:
        assert node.op is not None
        smooth = node.op.domain.differentiable(*map(data_of, node.args))
        return self.steep(node, i) if smooth else self.no_derivative(node, i)

    def _at(self, node: Value) -> str:
        operands = list(dict.fromkeys(node.parents))
        shown = [f"{self.name(a)} {self.told(self.data(a))}" for a in operands[:_TOLD]]
        return ", ".join([*shown, f"… {len(operands) - _TOLD} more"] if len(operands) > _TOLD else shown)

    def no_derivative(self, node: Value, i: int) -> str:
        """log|x| has no derivative by x at x = 0"""
        return f"{self.formula(node).text} has no derivative by {self.name(node.args[i])} at {self._at(node)}"  # type: ignore[arg-type]

    def steep(self, node: Value, i: int) -> str:
        """Where the local derivative is larger than any float."""
        by = self.name(node.args[i])  # type: ignore[arg-type]
        return f"the derivative of {self.formula(node).text} by {by} overflows at {self._at(node)}"

    def undefined(self, node: Value) -> str:
        """log(x) is not defined at x = −1: its domain is x > 0"""
        assert node.op is not None
        domain = self._in_names(node.op.domain.text, node)
        return f"{self.formula(node).text} is not defined at {self._at(node)}: its domain is {domain}"

    def overflows(self, node: Value) -> str:
        """exp(x) overflows at x = 1000"""
        return f"{self.formula(node).text} overflows at {self._at(node)}"

    def symbol(self, node: Value) -> str:
        """The sign of the node's operation, as its row has it."""
        assert node.op is not None
        return node.op.symbol.translate(_SLOTS)

    # Writing.

    def text(self, written: object) -> str:
        filled = templates.fill(str(written), self.numbers, self.digits, self._row)
        return self.placeholders.text(filled)

    def signed(self, template: str) -> str:
        return templates.signed(template, self.numbers, self.digits, self._row)

    def _row(self, key: str, operands: Sequence[float]) -> float | None:
        op = self._order[int(key.removeprefix("op"))].op
        assert op is not None
        try:
            return evaluate(op, operands, operands)
        except (ValueError, ArithmeticError):  # rounded, the operands may have left the domain
            return None

    def _product(self, symbols: str, factors: Sequence[str], product: str) -> Equation:
        if len(factors) == 1:
            return Equation(symbols, product, before_result=templates.in_full(product))
        numbers = " · ".join(_factors(factors))
        sign, outcome = templates.in_full(*factors), templates.outcome("product", factors, product)
        return Equation(symbols, product, numbers, sign, outcome)

    def _in_full(self, x: float) -> bool:
        return relation(number_in(self.number(x)), x) == "="


def at_kink(node: Value) -> bool:
    """Whether the operation has a local derivative here, by the table's choice, though it is not differentiable."""
    op = node.op
    if op is None or not all(map(math.isfinite, node.partials)):
        return False
    return not op.domain.differentiable(*map(data_of, node.args))


def _factors(keys: Sequence[str], *, first: bool = True) -> list[str]:
    """Numbers side by side: all but the ``first`` in brackets where they need them."""
    return [(templates.number if first and i == 0 else templates.operand)(key) for i, key in enumerate(keys)]


def _in_words(node: Value) -> str:
    assert node.op is not None
    count, name = len(node.args), node.op.name
    if name == "dot":
        return f"the dot product of {count // 2} pairs"
    return f"the sum of {count} values" if name == "sum" else f"{name} of {count} values"
