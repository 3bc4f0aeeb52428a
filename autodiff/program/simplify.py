"""Passes over a trace before it is grouped: chains of + and · become one n-ary node, equal nodes are kept once.

Each takes a `Trace` and gives another that computes the same; a sum may be added up in another order than on scalars,
so that last digits differ.
"""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.op import Op
from autodiff.ops import ADD, DOT, MUL, SUM
from autodiff.program.trace import Trace

_Term = tuple[int, ...]  # a node, or two whose product it is
_SUMS = (ADD, SUM, DOT)


def gather_chains(trace: Trace) -> Trace:
    """Sums of products become `dot`, other long sums `sum`; in a dot, first what does not depend on the inputs.

        b + w₁·x₁ + w₂·x₂     add(add(b, mul), mul)   →   dot(w₁ w₂ b, x₁ x₂ 1)
        dot(w₁ w₂, h₁ h₂) + x   add(dot, x)           →   add(dot(w₁ w₂, h₁ h₂), x), where x depends on the inputs

    So the neurons of a layer, however they are written, become dots that share their second list: a matrix product. An
    intermediate sum that is needed elsewhere stays.
    """
    return _Gathering(trace).run()


class _Gathering:
    def __init__(self, trace: Trace) -> None:
        self.old, self.new = trace, trace.empty()
        self.varies = trace.depends_on(range(trace.inputs))
        self.learned = trace.depends_on(range(trace.inputs, trace.leaves))
        self.place = list(range(len(trace)))  # where each old node is among the new
        self.absorbed = self._absorbed()

    def run(self) -> Trace:
        old, new, place = self.old, self.new, self.place
        for node in range(old.leaves, len(old)):
            op = old.ops[node]
            if op is None:
                place[node] = new.constant(old.constants[node])
            elif self.absorbed[node]:
                continue
            elif op not in _SUMS:
                place[node] = new.add(op, tuple([place[a] for a in old.args[node]]))
            else:
                terms, within = self._terms(node)
                if op is DOT or self._is_worth_it(terms):
                    place[node] = self._sum_of(terms)
                else:  # as it was
                    for part in (*reversed(within), node):
                        place[part] = new.add(old.ops[part], tuple([place[a] for a in old.args[part]]))  # type: ignore[arg-type]
        new.outputs = [place[output] for output in old.outputs]
        return new

    def _absorbed(self) -> list[bool]:
        """Of each node whether it is needed by one sum only, as one of its terms."""
        old = self.old
        uses = old.uses()
        absorbed = [False] * len(old)
        for node, op in enumerate(old.ops):
            if op is ADD or op is SUM:
                for a in old.args[node]:
                    absorbed[a] = uses[a] == 1 and old.ops[a] in (*_SUMS, MUL)
        return absorbed

    def _terms(self, root: int) -> tuple[list[_Term], list[int]]:
        """The terms of a sum from left to right, and the nodes that it absorbs, each before those below it."""
        old, absorbed = self.old, self.absorbed
        terms: list[_Term] = []
        within: list[int] = []
        stack = [root]
        while stack:
            node = stack.pop()
            if node != root:
                if not absorbed[node]:
                    terms.append((node,))
                    continue
                within.append(node)
            args = old.args[node]
            if old.ops[node] is MUL:
                terms.append(args)
            elif old.ops[node] is DOT:
                half = len(args) // 2
                terms.extend(zip(args[:half], args[half:], strict=True))
            else:
                stack.extend(reversed(args))
        return terms, within

    def _is_worth_it(self, terms: Sequence[_Term]) -> bool:
        """Three terms, or w·x + b and v·x + w·y of learned weights; a·b + c may as well stay two operations."""
        if len(terms) > 2:
            return True
        weighted = [term for term in terms if len(term) == 2 and self._is_weighted(term)]
        fixed = [term for term in terms if len(term) == 1 and not self.varies[term[0]]]
        return bool(weighted) and len(weighted) + len(fixed) == 2

    def _is_weighted(self, product: _Term) -> bool:
        return any(self.learned[w] and not self.varies[w] and self.varies[x] for w, x in (product, product[::-1]))

    def _sum_of(self, terms: Sequence[_Term]) -> int:
        """A node for the sum: of what is weighted, of other products, of what stands alone."""
        varies, place = self.varies, self.place
        weighted: list[tuple[int, int]] = []
        products: list[tuple[int, int]] = []
        alone: list[int] = []
        fixed: list[_Term] = []
        for term in map(self._without_one, terms):
            varying = [a for a in term if varies[a]]
            if not varying:
                fixed.append(term)
            elif len(term) == 1:
                alone.append(place[term[0]])
            elif len(varying) == 2:
                products.append((place[term[0]], place[term[1]]))
            else:
                w, x = term if varies[term[1]] else term[::-1]
                weighted.append((place[w], place[x]))
        bias = self._fixed_sum(fixed)
        if weighted and bias is not None:
            weighted.append((bias, self.new.constant(1.0)))
            bias = None
        parts = [self._dot(pairs) for pairs in (weighted, products) if pairs] + alone
        return self._joined(parts if bias is None else [*parts, bias])

    def _without_one(self, term: _Term) -> _Term:
        """b of b·1."""
        return tuple([a for a in term if self.old.constants.get(a) != 1.0]) or term[:1]

    def _fixed_sum(self, terms: list[_Term]) -> int | None:
        """A node for the sum of what does not depend on the inputs, None for a sum of zeros."""
        terms = [term for term in terms if not self._is_zero(term)]
        pairs = [(self.place[term[0]], self.place[term[1]]) for term in terms if len(term) == 2]
        alone = [self.place[term[0]] for term in terms if len(term) == 1]
        parts = [self._dot(pairs), *alone] if pairs else alone
        return self._joined(parts) if parts else None

    def _is_zero(self, term: _Term) -> bool:
        """Whether it is 0, or 0 times a leaf: what is computed may have no value."""
        return self.old.constants.get(term[0]) == 0.0 and all(self.old.ops[a] is None for a in term)

    def _dot(self, pairs: list[tuple[int, int]]) -> int:
        if len(pairs) == 1:
            return self.new.add(MUL, pairs[0])
        left, right = zip(*pairs, strict=True)
        return self.new.add(DOT, left + right)

    def _joined(self, parts: list[int]) -> int:
        if not parts:  # zeros alone
            return self.new.constant(0.0)
        return parts[0] if len(parts) == 1 else self.new.add(ADD if len(parts) == 2 else SUM, tuple(parts))


def share_equal(trace: Trace) -> Trace:
    """Each operation on the same operands once, and no number that nothing needs.

    (a + b)·(a + b)    add, add, mul   →   add, mul
    """
    new, uses = trace.empty(), trace.uses()
    place = list(range(len(trace)))
    known: dict[tuple[Op, tuple[int, ...]], int] = {}
    for node in range(trace.leaves, len(trace)):
        op = trace.ops[node]
        if op is None:
            if uses[node]:
                place[node] = new.constant(trace.constants[node])
            continue
        args = tuple([place[a] for a in trace.args[node]])
        found = known.get((op, args))
        if found is None:
            found = known[op, args] = new.add(op, args)
        place[node] = found
    new.outputs = [place[output] for output in trace.outputs]
    return new
