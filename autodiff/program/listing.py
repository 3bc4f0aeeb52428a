"""A Program as a textbook writes it: one line for each instruction, forwards and backwards; as text, LaTeX and HTML.

    z1[3] = W1[3×2] @ x[2] + b1[3]
    a1 = σ(z1)
    …
    δ1 = W2ᵀ δ2 ⊙ a1 ⊙ (1 − a1)
    ∂L/∂W1 += δ1 xᵀ

δ is the gradient of what a matrix product gives, before its activation. A gradient that only one line needs is written
there. The formulas are those that the rows of the table show.
"""

from __future__ import annotations

import html
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autodiff.ops import DOT, SUM
from autodiff.program.expressions import takes_vectors
from autodiff.program.instructions import (
    Contribution,
    Instruction,
    Operand,
    Place,
    Plan,
    Product,
    Pullback,
    Reduction,
)
from autodiff.program.naming import Names
from autodiff.symbols import SYMBOLS, Symbol, symbol

_PRODUCT, _ATOM = 1, 3  # how tightly a Symbol holds together, as in symbols
_Key = tuple[bool, bytes]  # of a place
_Scaled = tuple[float, Symbol | None]  # a number times an expression, None being 1


@dataclass(frozen=True)
class Line:
    """``target = value``; ``adds``: ``target += value``."""

    target: Symbol
    value: Symbol
    adds: bool = False

    def __str__(self) -> str:
        return f"{self.target} {'+=' if self.adds else '='} {self.value}"

    @property
    def latex(self) -> str:
        sign = r"\mathrel{+}=" if self.adds else "="
        return f"{self.target.latex} &{sign} {self.value.latex}"


@dataclass(frozen=True)
class Listing:
    """Lines to read; Jupyter shows them as formulas, and ``str`` as text."""

    lines: tuple[Line, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.lines))

    __repr__ = __str__

    @property
    def latex(self) -> str:
        joined = " \\\\\n".join(line.latex for line in self.lines)
        return f"\\begin{{aligned}}\n{joined}\n\\end{{aligned}}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def forward_listing(plan: Plan, labels: Mapping[int, str]) -> Listing:
    """What is computed, in order."""
    return Listing(tuple(_Writer(plan, labels).forward()))


def backward_listing(plan: Plan, labels: Mapping[int, str]) -> Listing:
    """The gradients of one example's output; those of parameters are added up over the examples."""
    return Listing(tuple(_Writer(plan, labels).backward()))


class _Writer:
    def __init__(self, plan: Plan, labels: Mapping[int, str]) -> None:
        self.plan = plan
        self.names = Names(plan, labels)

    # Forwards.

    def forward(self) -> list[Line]:
        return [self._line(instruction) for instruction in self.plan.instructions]

    def _line(self, instruction: Instruction) -> Line:
        out = self._named(instruction.out)
        if isinstance(instruction, Product):
            target = out if instruction.is_dot else _sized(out, instruction.out)
            return Line(target, self._product(instruction))
        operands = [self._operand(x) for x in instruction.operands]
        if isinstance(instruction, Reduction):
            return Line(out, _reduced(instruction, operands))
        return Line(out, _by_element(instruction.op.written(operands), instruction.out))

    def _product(self, product: Product) -> Symbol:
        left, right = self._named(product.left), self._named(product.right)
        if product.is_dot:
            made = _dotted(left, right)
        elif product.right.shape[0] == 1:
            made = Symbol(
                f"{_sized(left, product.left)} @ {_sized(right, product.right)}", f"{left.latex} {right.latex}"
            )
        else:  # several right sides, one below the other
            text = f"{_sized(right, product.right)} @ {_sized(left, product.left)}ᵀ"
            made = Symbol(text, rf"{right.latex} {left.latex}^\top")
        return made if product.bias is None else made + _sized(self._named(product.bias), product.bias)

    def _operand(self, x: Operand) -> Symbol:
        return self._named(x) if isinstance(x, Place) else symbol(x)

    def _named(self, place: Place) -> Symbol:
        text = self.names.written(place)
        return Symbol(text, _latex_name(text))

    # Backwards.

    def backward(self) -> list[Line]:
        """The gradient of each block where it is complete; those of parameters where something is added to them."""
        steps = self.plan.reached()
        coming: dict[_Key, int] = defaultdict(int)  # how many instructions still add to a place
        readers: dict[_Key, int] = defaultdict(int)  # how many lines need its gradient
        for step in steps:
            for place, _ in _merged(step):
                coming[_key(place)] += 1
                readers[_key(step.of.out)] += 1 + (isinstance(step.of, Product) and not step.of.is_dot)
        known: dict[_Key, _Scaled] = {_key(self.plan.outputs[0]): (1.0, None)}
        pieces: dict[_Key, list[_Scaled]] = defaultdict(list)
        lines: list[Line] = []
        for step in steps:
            received = known.get(_key(step.of.out), (1.0, self._gradient(step.of.out)))
            for place, contributions in _merged(step):
                key = _key(place)
                amount = self._amount(step.of, contributions, received)
                if not place.varies and place.first < self.plan.parameters:
                    lines.append(Line(self._gradient(place), _times(*amount), adds=True))
                    continue
                pieces[key].append(amount)
                coming[key] -= 1
                if coming[key]:
                    continue
                if len(pieces[key]) == 1 and readers[key] == 1:
                    known[key] = amount
                else:
                    lines.append(Line(self._gradient(place), _added(pieces[key])))
        return lines

    def _gradient(self, place: Place) -> Symbol:
        """∂L/∂W1, or δ1 for what a product gives."""
        name = self.names.written(place)
        if re.fullmatch(r"z\d+", name):
            return Symbol(f"δ{name[1:]}", rf"\delta_{{{name[1:]}}}")
        whole = rf"\frac{{\partial L}}{{\partial {_latex_name(name)}}}"
        return Symbol(f"∂L/∂{name}", whole)

    def _amount(self, of: Instruction, contributions: Sequence[Contribution], received: _Scaled) -> _Scaled:
        found = [self._contribution(of, c, received) for c in contributions]
        if len({str(amount) for _, amount in found}) == 1:  # x·x gives the same twice
            return sum(scale for scale, _ in found), found[0][1]
        return 1.0, _added(found)

    def _contribution(self, of: Instruction, c: Contribution, received: _Scaled) -> _Scaled:
        scale, amount = self._passed_on(of, c, received)
        if c.target.distinct:
            return scale, amount
        if amount is None:
            times = set(Counter(c.target.index.flat).values())
            return (scale * times.pop(), None) if len(times) == 1 else (scale, Symbol("Σ 1", r"\sum 1", _PRODUCT))
        text, latex = _factor(amount) if amount.level < _PRODUCT else (amount.text, amount.latex)
        return scale, Symbol(f"Σ {text}", rf"\sum {latex}", _PRODUCT)  # what is read in several places

    def _passed_on(self, of: Instruction, c: Contribution, received: _Scaled) -> _Scaled:
        scale, gradient = received
        if isinstance(of, Product) and not of.is_dot:
            return scale, self._of_product(of, c.operand, gradient)
        if isinstance(of, Product):
            return scale, _multiplied(gradient, self._named(of.right if c.operand == 0 else of.left), of.left)
        operands = [self._operand(x) for x in of.operands]
        if not takes_vectors(of.op):
            name, x = of.op.name, operands[c.operand]
            fraction = rf"\frac{{\partial {_latex_name(name)}}}{{\partial {x.latex}}}"
            return scale, _multiplied(gradient, Symbol(f"∂{name}/∂{x}", fraction), c.target)
        partial = symbol(of.op.shown_partial(c.operand, SYMBOLS, self._named(of.out), *operands))
        number = _number(partial)
        if number is not None:
            return scale * number, gradient
        return scale, _multiplied(gradient, partial, c.target)

    def _of_product(self, of: Product, operand: int, gradient: Symbol | None) -> Symbol | None:
        if operand == 2:
            return gradient
        other = self._named(of.right if operand == 0 else of.left)
        if gradient is None:
            return Symbol(f"{other}ᵀ", rf"{other.latex}^\top")
        if operand == 0:
            (a, la), (b, lb) = _factor(gradient), _factor(other)
            return Symbol(f"{a} {b}ᵀ", rf"{la} \, {lb}^\top", _PRODUCT)
        (a, la), (b, lb) = _factor(other), _factor(gradient)
        return Symbol(f"{a}ᵀ {b}", rf"{la}^\top {lb}", _PRODUCT)


def _number(x: Symbol) -> float | None:
    over, _, under = x.text.replace("−", "-").partition("/")
    try:
        return float(over) / float(under or 1.0)
    except ValueError:
        return None


def _multiplied(gradient: Symbol | None, partial: Symbol, where: Place) -> Symbol:
    return partial if gradient is None else _by_element(gradient * partial, where)


def _dotted(left: Symbol, right: Symbol) -> Symbol:
    (a, la), (b, lb) = _factor(left), _factor(right)
    return Symbol(f"{a} · {b}", rf"{la} \cdot {lb}", _PRODUCT)


def _times(scale: float, x: Symbol | None) -> Symbol:
    """scale·x, as one writes it."""
    if x is None:
        return symbol(scale)
    return -x if scale == -1.0 else symbol(scale) * x


def _added(amounts: Sequence[_Scaled]) -> Symbol:
    ordered = sorted(amounts, key=lambda amount: amount[0] < 0.0)  # what is subtracted comes last
    total = _times(*ordered[0])
    for scale, x in ordered[1:]:
        total = total - _times(-scale, x) if scale < 0.0 else total + _times(scale, x)
    return total


def _factor(x: Symbol) -> tuple[str, str]:
    return (x.text, x.latex) if x.level == _ATOM else (f"({x.text})", rf"\left({x.latex}\right)")


def _key(place: Place) -> _Key:
    return place.varies, place.index.tobytes()


def _merged(step: Pullback) -> list[tuple[Place, list[Contribution]]]:
    """Contributions by where they go: x·x gives two to one place."""
    found: dict[_Key, list[Contribution]] = {}
    for c in step.contributions:
        found.setdefault(_key(c.target), []).append(c)
    return [(listed[0].target, listed) for listed in found.values()]


def _reduced(instruction: Reduction, operands: Sequence[Symbol]) -> Symbol:
    if instruction.op is DOT:
        return _dotted(*operands)
    if instruction.op is SUM:
        return Symbol(f"Σ {operands[0].text}", rf"\sum {operands[0].latex}", _PRODUCT)
    return getattr(SYMBOLS, instruction.op.name)(*operands)


def _by_element(x: Symbol, out: Place) -> Symbol:
    """Products of several scalars at once are by element."""
    if out.index.size == 1:
        return x
    return Symbol(x.text.replace("·", " ⊙ "), x.latex.replace(r"\cdot", r"\odot"), x.level)


def _sized(x: Symbol, place: Place) -> Symbol:
    """A name with its shape, z[16] and W[16×2]; a part of a block has brackets already."""
    if x.text.endswith("]"):
        return x
    rows = place.shape[:1] if len(place.shape) == 2 and not (place.varies and place.shape[0] == 1) else ()
    size = "×".join(map(str, (*rows, place.shape[-1])))
    return Symbol(f"{x.text}[{size}]", x.latex, x.level)


def _latex_name(name: str) -> str:
    match = re.fullmatch(r"([A-Za-zα-ω])(\d+)", name)
    if match:
        return f"{match[1]}_{{{match[2]}}}"
    if len(name) == 1:
        return name
    escaped = re.sub(r"([#$%&_{}])", r"\\\1", name).replace("…", r"\dots ")
    return rf"\mathrm{{{escaped}}}"
