"""A Program as NumPy code: the backpropagation that a student is asked to write, derived from scalars, and runnable.

The code needs NumPy alone. In it a column is an example. The formulas are those that rows compute, or those they show.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from autodiff.program.expressions import Expression, expression, made, operand, partial_of, value_of
from autodiff.program.instructions import (
    Contribution,
    Elementwise,
    Indices,
    Instruction,
    Operand,
    Place,
    Plan,
    Product,
    Reduction,
)
from autodiff.program.naming import Names

_INFIX: dict[str, tuple[str, float]] = {
    "add": ("+", 1), "subtract": ("-", 1), "multiply": ("*", 2), "divide": ("/", 2), "remainder": ("%", 2),
    "power": ("**", 4), "less": ("<", 0), "equal": ("==", 0), "logical_and": ("&", 0.5),
}  # fmt: skip
_BRACKETED = ("**", "<", "==")  # Python reads a ** b ** c, and a < b < c, otherwise than from the left
_ATOM = 5
_ONE_BY_ONE = ("erf", "erfc")  # what NumPy has not


def source(plan: Plan, labels: Mapping[int, str], textbook: bool) -> str:
    """One function of theta and X; see `Program.source`. CannotBeWrittenError for a row that arrays cannot run."""
    return _Source(plan, labels, textbook).written()


class _Source:
    def __init__(self, plan: Plan, labels: Mapping[int, str], textbook: bool) -> None:
        self.plan, self.textbook = plan, textbook
        self.names = Names(plan, labels)
        self.python = _identifiers([block.name for block in self.names.blocks])
        self.lines: list[str] = []
        self.helpers: set[str] = set()
        self.temporaries = 0
        self.begun: set[str] = set()  # the gradients that something was added to
        # Where every place is a block, or a number, each block is a variable; else all are parts of two arrays.
        self.plain = all(map(self._is_plain, _places(plan)))

    def written(self) -> str:
        self._unpack()
        for instruction in self.plan.instructions:
            self._assign(instruction.out, self._value(instruction))
        outputs = [self._output(output) for output in self.plan.outputs]
        if self.plan.parameters:
            self._pull_back()
            gradient = "gradient" if self.plain else "df[: theta.size, 0]"
            loss, number = self._read(self.plan.outputs[0]), self.names.number(self.plan.outputs[0])
            result = f"{f'{loss}[0].mean()' if number is None else loss}, {gradient} / len(X)"
            name, what = "value_and_gradient", "The mean loss over the rows of X, and its gradient."
        else:
            result = outputs[0] if len(outputs) == 1 else f"np.stack([{', '.join(outputs)}], axis=1)"
            name, what = "outputs", "The outputs for the rows of X."
        helpers = [f"{f} = np.vectorize(math.{f}, otypes=[float])" for f in sorted(self.helpers)]
        head = ["import math\n"] * bool(helpers) + ["import numpy as np\n"] + helpers
        body = [f'    """{what}"""', *(f"    {line}" for line in self.lines), f"    return {result}"]
        return "\n".join([*head, "", f"def {name}(theta, X):", *body, ""])

    def _output(self, place: Place) -> str:
        return f"{self._read(place)}[0]" if place.varies else f"np.full(len(X), {self._read(place)})"

    def _is_plain(self, place: Place) -> bool:
        return self.names.whole(place) is not None or self.names.number(place) is not None

    def _unpack(self) -> None:
        plan = self.plan
        if not self.plain:
            numbers = [f"{x!r}" for x in plan.column[plan.parameters :]]
            self.lines.append(f"f = np.concatenate([theta, [{', '.join(numbers)}]])[:, None]")
            self.lines.append(f"s = np.concatenate([X.T, np.zeros(({plan.rows - plan.inputs}, len(X)))])")
        for block in self.names.inputs:
            self.lines.append(f"{self.python[block.name]} = X.T[{_range(block.index)}]")
        for block in self.names.weights:
            name = self.python[block.name]
            index = _written(block.index if block.index.ndim == 2 else block.index[:, None])
            self.lines.append(f"{name} = theta[{index}]")

    # Places.

    def _name(self, place: Place) -> str | None:
        block = self.names.whole(place)
        return None if block is None else self.python[block.name]

    def _assign(self, place: Place, value: str) -> None:
        name = self._name(place)
        if self.plain:
            self.lines.append(f"{name} = {value}")
        else:
            memory = "s" if place.varies else "f"
            self.lines.append(f"{name} = {memory}[{_range(place.index.ravel())}]")
            self.lines.append(f"{name}[:] = {value}")

    def _read(self, x: Place, prefix: str = "") -> str:
        """An array with the examples along its last axis, of which there is one where nothing varies."""
        name, number = self._name(x), self.names.number(x)
        if number is not None:
            return repr(number)
        if name is None:
            memory = "s" if x.varies else "f"
            return f"{prefix}{memory}[np.array({x.index.tolist()})]"
        if prefix and not self.plain:
            memory = "s" if x.varies else "f"
            return f"{prefix}{memory}[{_range(x.index.ravel())}]" + _reshaped(x)
        block = self.names.whole(x)
        assert block is not None
        flat = block in self.names.weights and block.index.ndim > x.index.ndim  # a matrix has no axis of examples
        return f"{prefix}{name}" + (f".reshape({x.index.size}, 1)" if flat else _reshaped(x))

    # Values.

    def _value(self, instruction: Instruction) -> str:
        if not isinstance(instruction, Product):
            operands, names = self._operands(instruction)
            value = value_of(instruction.op, operands)
            return self._filling(instruction, value, self._text(value, names))
        left, right = self._matrix(instruction.left), self._matrix(instruction.right)
        if instruction.is_layer and instruction.right.shape[0] == 1:
            value = f"{left} @ {self._flat(instruction.right)}"
        else:
            how = f"{'kmn' if instruction.left.varies else 'km'},{'lmn' if instruction.right.varies else 'lm'}"
            out = "lkn" if instruction.out.varies else "lk"
            size = instruction.out.index.size
            value = f'np.einsum("{how}->{out}", {left}, {right}).reshape({size}, -1)'
        if instruction.bias is not None:
            bias = self._read(instruction.bias)
            rows = instruction.right.shape[0]
            same = rows == 1 or self.names.number(instruction.bias) is not None
            value += f" + {bias}" if same else f" + np.tile({bias}, ({rows}, 1))"
        return value

    def _filling(self, instruction: Elementwise | Reduction, value: Expression, text: str) -> str:
        """The text of a value, which may be a number for all, as an array that has the shape of the result."""
        out, read = instruction.out, [instruction.operands[i] for i in _operands_of(value)]
        if read and (not out.varies or any(isinstance(x, Place) and x.varies for x in read)):
            return text
        return f"np.broadcast_to({text}, ({out.index.size}, {'len(X)' if out.varies else 1}))"

    def _matrix(self, place: Place) -> str:
        """What does not vary as a matrix, without an axis of examples."""
        if place.varies:
            return self._read(place)
        if (number := self.names.number(place)) is not None:
            return f"np.full({place.shape}, {number!r})"
        block = self.names.whole(place)
        if block in self.names.weights and block.index.shape == place.shape:
            return self.python[block.name]
        return f"{self._read(place)}.reshape({place.shape[0]}, {place.shape[1]})"

    def _flat(self, place: Place) -> str:
        """The right side of a layer: one vector."""
        return self._read(Place(place.varies, place.index[0]))

    def _operands(self, instruction: Elementwise | Reduction) -> tuple[list[Expression], list[str]]:
        """What a row's rules are run on, and the names of the operands in it."""
        given = instruction.operands
        if isinstance(instruction, Reduction):  # a vector of one number is a vector: its rules count it
            return [operand(i) for i in range(len(given))], [self._vector(x) for x in instruction.operands]
        numbers = [self._constant(x) for x in given]
        names = [self._read(x) if isinstance(x, Place) else "" for x in given]  # a number stands in the expression
        return [operand(i) if number is None else expression(number) for i, number in enumerate(numbers)], names

    def _vector(self, x: Place) -> str:
        number = self.names.number(x)
        return self._read(x) if number is None else f"np.full({(*x.shape, 1)}, {number!r})"

    def _constant(self, x: Operand) -> float | None:
        return self.names.number(x) if isinstance(x, Place) else x

    # Gradients.

    def _pull_back(self) -> None:
        output = self.plan.outputs[0]
        seed = "1.0" if output.varies else "len(X)"  # it is that of every row, and what is given is a mean
        if not self.plain:
            self.lines.append("df, ds = np.zeros_like(f), np.zeros_like(s)")
            self.lines.append(f"d{'s' if output.varies else 'f'}[{output.first}] = {seed}")
        elif self._is_parameter(output):
            self.lines += ["gradient = np.zeros_like(theta)", f"gradient[{output.first}] = {seed}"]
        elif self.names.number(output) is not None:
            self.lines.append("gradient = np.zeros_like(theta)")
        else:
            name = self._name(output)
            value = f"np.ones_like({name})" if output.varies else f"np.full_like({name}, {seed})"
            self.lines += ["gradient = np.zeros_like(theta)", f"d{name} = {value}"]
        for step in self.plan.reached():
            for to in step.contributions:
                self._add(to, self._amount(step.of, to))

    def _amount(self, of: Instruction, to: Contribution) -> str:
        received = self._read(of.out, "d")
        sums = of.out.varies and not to.target.varies
        if isinstance(of, Product):
            return self._of_product(of, to, received)
        operands, names = self._operands(of)
        names += [self._read(of.out), received]
        partial = partial_of(of.op, to.operand, operand(len(operands)), operands, self.textbook)
        text = self._text(made("multiply", operand(len(operands) + 1), partial), names)
        target, is_parameter = to.target, self._is_parameter(to.target)
        if sums:
            shape = ", ".join(map(str, target.shape))  # a factor of one column is repeated, then they are added up
            text = f"np.broadcast_to({text}, ({shape}, len(X))).sum(axis=-1{', keepdims=True' * (not is_parameter)})"
            return f"{text}[:, None]" if is_parameter and target.index.ndim == 1 else text
        if target.index.ndim == 1:
            return text
        columns = "len(X)" if of.out.varies else "1"
        text = f"np.broadcast_to({text}, ({', '.join(map(str, target.shape))}, {columns}))"
        return f"({text})[..., 0]" if is_parameter else f"({text}).reshape({target.index.size}, -1)"

    def _of_product(self, of: Product, to: Contribution, received: str) -> str:
        simple = of.is_layer and of.right.shape[0] == 1
        flat = self._read(Place(of.out.varies, of.out.index.ravel()), "d")
        if to.operand == 2:
            if simple:
                return f"{flat}.sum(axis=1, keepdims=True)"
            return f"{received}.sum(axis=0).sum(axis=-1, keepdims=True)"
        if simple and to.operand == 0:
            return f"{flat} @ {self._flat(of.right)}.T"
        if simple:
            return f"{self._matrix(of.left)}.T @ {flat}"
        other = of.right if to.operand == 0 else of.left
        grad = "lkn" if of.out.varies else "lk"
        name = ("lm" if to.operand == 0 else "km") + ("n" if other.varies else "")
        into = ("km" if to.operand == 0 else "lm") + ("n" if to.target.varies else "")
        received = received if of.out.varies else f"{received}[..., 0]"
        made = f'np.einsum("{grad},{name}->{into}", {received}, {self._matrix(other)})'
        return made if self._is_parameter(to.target) else f"{made}.reshape({to.target.index.size}, -1)"

    def _is_parameter(self, place: Place) -> bool:
        return not place.varies and int(place.index.max()) < self.plan.parameters

    def _add(self, to: Contribution, amount: str) -> None:
        place = to.target
        if self._is_parameter(place):
            gradient = "gradient" if self.plain else "df[:, 0]"
            index = place.index if place.index.ndim == 2 else place.index[:, None]
            if place.distinct:
                self.lines.append(f"{gradient}[{_written(index)}] += {amount}")
            else:
                self.lines.append(f"np.add.at({gradient}, np.array({index.tolist()}), {amount})")
            return
        if not self.plain:
            memory = "ds" if place.varies else "df"
            shape = ", ".join(map(str, place.shape))
            index = f"np.array({place.index.tolist()})"
            self.lines.append(f"np.add.at({memory}, {index}, ({amount}).reshape({shape}, -1))")
            return
        name = f"d{self._name(place)}"
        self.lines.append(f"{name} = {name} + {amount}" if name in self.begun else f"{name} = {amount}")
        self.begun.add(name)

    # Expressions.

    def _text(self, root: Expression, names: Sequence[str]) -> str:
        """NumPy's text of an expression; what is needed twice has a line of its own before."""
        keys, repeated = _repeated(root)
        known: dict[int, str] = {}

        def text(e: Expression, within: float = 0, tight: bool = False) -> str:
            if e.name == "number":
                number = repr(e.args[0]).replace("inf", "np.inf").replace("nan", "np.nan")
                return f"({number})" if e.args[0] < 0 and within else number
            if e.name == "operand":
                return names[int(e.args[0])]
            key = keys[id(e)]
            if key not in known and key in repeated:
                value = form(e)[0]
                self.temporaries += 1
                known[key] = f"t{self.temporaries}"
                self.lines.append(f"t{self.temporaries} = {value}")
            if key in known:
                return known[key]
            written, level = form(e)
            return f"({written})" if level < within or (tight and level == within) else written

        def form(e: Expression) -> tuple[str, float]:
            if e.name in _INFIX:
                sign, level = _INFIX[e.name]
                left = text(e.args[0], level, sign in _BRACKETED)
                return f"{left} {sign} {text(e.args[1], level, True)}", level
            if e.name == "negative":
                return f"-{text(e.args[0], 3)}", 3
            if e.name in ("total", "largest"):
                return f"np.{'sum' if e.name == 'total' else 'max'}({text(e.args[0])}, axis=0)", _ATOM
            if e.name in _ONE_BY_ONE:
                self.helpers.add(e.name)
            function = e.name if e.name in _ONE_BY_ONE else f"np.{'abs' if e.name == 'absolute' else e.name}"
            return f"{function}({', '.join(text(a) for a in e.args)})", _ATOM

        return text(root)


def _repeated(root: Expression) -> tuple[dict[int, int], set[int | str]]:
    """A number for each part of an expression, equal for equal parts, and those of parts that several others need."""
    keys: dict[int, int] = {}  # by the part's identity
    numbers: dict[tuple[Any, ...], int] = {}
    needed_by: dict[int | str, set[Any]] = {}  # the text of a number, too

    def key(e: Expression) -> int:
        if id(e) not in keys:
            parts = [key(a) if isinstance(a, Expression) else repr(a) for a in e.args]  # which tells −0 from 0
            found = keys[id(e)] = numbers.setdefault((e.name, *parts), len(numbers))
            for i, part in enumerate(parts):
                needed_by.setdefault(part, set()).add((found, i))
        return keys[id(e)]

    key(root)
    return keys, {part for part, needing in needed_by.items() if len(needing) > 1}


def _operands_of(e: Expression) -> set[int]:
    """Which operands an expression reads."""
    parts = {id(e): e}
    waiting = [e]
    while waiting:
        new = {id(a): a for a in waiting.pop().args if isinstance(a, Expression) and id(a) not in parts}
        parts |= new
        waiting += new.values()
    return {part.args[0] for part in parts.values() if part.name == "operand"}


def _places(plan: Plan) -> list[Place]:
    read = (x for instruction in plan.instructions for x in instruction.operands)
    return [*plan.outputs, *(x for x in read if isinstance(x, Place))]


def _identifiers(names: Sequence[str]) -> dict[str, str]:
    """Names as Python takes them, each of its own."""
    taken = {"np", "len", "theta", "X", "gradient", "df", "ds", *keyword.kwlist}
    found: dict[str, str] = {}
    for name in names:
        normal = unicodedata.normalize("NFKC", name)  # as Python reads it: x₁ is x1
        wanted = re.sub("_+", "_", "".join(c if f"_{c}".isidentifier() else "_" for c in normal)).strip("_")
        wanted = wanted if wanted.isidentifier() else f"v{wanted}"
        unique, i = wanted, 1
        while {unique, f"d{unique}"} & taken or re.fullmatch(r"t\d+|[a-z]*erfc?", unique):
            i += 1
            unique = f"{wanted}_{i}"
        taken |= {unique, f"d{unique}"}
        found[name] = unique
    return found


def _range(index: Indices) -> str:
    return f"{index[0]}:{index[-1] + 1}"


def _written(index: Indices) -> str:
    """An index as short as it can be: by arithmetic where it is even."""
    steps = Place(False, index).steps
    listed = f"np.array({index.tolist()})"
    if steps is None:
        return listed
    first = int(index.flat[0])
    if index.ndim == 1:
        return f"{first}:{index[-1] + 1}" + (f":{steps[0]}" if steps[0] != 1 else "")
    if index.shape[1] == 1:
        return f"{_written(index[:, 0])}, None"
    if index.shape[0] == 1:
        return f"None, {_written(index[0])}"
    (rows, columns), (down, across) = index.shape, steps
    start = f"{first} + " if first else ""
    row = f"{down} * np.arange({rows})[:, None]" if down != 1 else f"np.arange({rows})[:, None]"
    column = f"{across} * np.arange({columns})" if across != 1 else f"np.arange({columns})"
    return f"{start}{row} + {column}"


def _reshaped(place: Place) -> str:
    return "" if place.index.ndim == 1 else f".reshape({', '.join(map(str, place.shape))}, -1)"
