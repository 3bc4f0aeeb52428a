"""Copies of graphs, by copy and pickle: nothing is lost, nothing that is shared is doubled, no depth is too deep."""

from __future__ import annotations

import copy
import pickle
import sys

import pytest

from autodiff import Value, dot, grad, gradients, leaves, sum, topological_order


class Parameter(Value):
    """A subclass with attributes of its own."""

    def __init__(self, data: float, label: str = "", group: str = "weights") -> None:
        super().__init__(data, label)
        self.group = group


class Slotted(Value):
    __slots__ = ("scale",)


class Stateful(Value):
    def __getstate__(self) -> object:
        return {"kept": 7}

    def __setstate__(self, state: dict[str, int]) -> None:
        self.__dict__.update(state, restored=True)


class Kept(Value):
    """Its state is whatever it was given."""

    def __getstate__(self) -> object:
        return self.state

    def __setstate__(self, state: object) -> None:
        self.state = state


class InAPickle:
    """A graph that is pickled by itself while another pickle is made."""

    def __init__(self, y: Value) -> None:
        self.y = y

    def __reduce__(self) -> tuple[object, ...]:
        return pickle.loads, (pickle.dumps(self.y),)


COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "pickle of protocol 2": lambda x: pickle.loads(pickle.dumps(x, 2)),
    "pickle in Python": lambda x: pickle.loads(pickle._dumps(x)),
}
every_copy = pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)


@every_copy
def test_what_several_nodes_share_is_shared_by_their_copies(copied):
    x = Value(2.0, "x")
    h = x * x
    a, b = copied((h + 1.0, h * 2.0))
    assert a.parents[0] is b.parents[0] and a.parents[0].parents[0].label == "x"


@every_copy
def test_a_node_behind_a_deep_graph_is_shared_too(copied):
    h = x = Value(1.0)
    for _ in range(500):
        h = h + x
    a, b, x2 = copied([h + 1.0, h * 2.0, x])
    assert a.parents[0] is b.parents[0] and topological_order(a)[0] is x2
    assert (a.data, b.data) == (502.0, 1002.0)


def test_the_nodes_of_a_chain_are_stored_once_each_and_not_once_for_each_that_is_behind():
    nodes = [Value(1.0)]
    for _ in range(800):
        nodes.append(nodes[-1] + 1.0)
    assert len(pickle.dumps(nodes)) < 200 * len(nodes)
    assert len(pickle.dumps(nodes[-1])) < 70 * len(nodes)


@every_copy
def test_a_subclass_keeps_its_type_and_its_attributes(copied):
    w = Parameter(3.0, "w", group="biases")
    w.grad = 5.0
    loss = copied(sum([w * w, w]))
    (again,) = {leaf for leaf in topological_order(loss) if leaf.op is None}
    assert type(again) is Parameter and again is not w
    assert (again.data, again.grad, again.label, again.group) == (3.0, 5.0, "w", "biases")
    loss.backward()
    assert again.grad == 12.0


@every_copy
def test_attributes_in_slots_and_states_of_ones_own_are_kept(copied):
    slotted, stateful = Slotted(1.0), Stateful(2.0)
    slotted.scale = 4.0
    again, other = copied([slotted, stateful])
    assert again.scale == 4.0 and vars(other) == {"kept": 7, "restored": True} and other.data == 2.0


@every_copy
@pytest.mark.parametrize("state", [{"kept": 7, "more": 8}, ("a", "b"), ("a", {"b": 1}), ("a", {"b": 1}, "c"), [], 5])
def test_a_state_of_ones_own_is_kept_whatever_it_looks_like(copied, state):
    x = Kept(2.0)
    x.state = state
    assert copied(x).state == state


@every_copy
def test_attributes_may_refer_to_the_graph_itself(copied):
    w = Parameter(3.0)
    y = w * 2.0
    w.owner = [w, y]
    again = copied(y)
    twin = again.parents[0]
    assert twin.owner[0] is twin and twin.owner[1] is again
    del w.owner, twin.owner  # a cycle through a node is never freed


@every_copy
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_node_keeps_its_operands_and_local_derivatives_however_many_they_are(copied, count):
    xs = [Value(float(i + 1)) for i in range(count)]
    again = copied(dot([*xs, 5.0], [*xs[::-1], 7.0]))
    assert again.args == (*xs, 5.0, *xs[::-1], 7.0) and again.partials == (*xs[::-1], 0.0, *xs, 0.0)
    twin = copied(sum(xs) * 2.0)
    twin.backward()
    assert [leaf.grad for leaf in leaves(twin)] == [2.0] * count and twin.partials == (2.0, 0.0)


def test_a_shallow_copy_has_the_same_operands_and_attributes():
    w = Parameter(3.0, group="biases")
    y = w * 2.0
    assert copy.copy(y).parents[0] is w
    twin = copy.copy(w)
    assert type(twin) is Parameter and twin.group == "biases" and twin.data == 3.0


def test_where_something_cannot_be_pickled_the_next_graph_can():
    w = Parameter(1.0, group=lambda: None)
    y = w
    for _ in range(100):
        y = y + 1.0
    for _ in range(2):
        with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
            pickle.dumps(y)
    w.group = "weights"
    assert pickle.loads(pickle.dumps(y)).data == 101.0


@every_copy
def test_no_depth_is_too_deep(copied):
    y = Value(1.0)
    for _ in range(20 * sys.getrecursionlimit()):
        y = y + 1.0
    assert copied(y).data == y.data


@every_copy
def test_no_depth_is_too_deep_beside_what_is_shallow(copied):
    y = x = Value(1.0)
    shallow = x * 1.0 * 1.0 * 1.0 * 1.0
    for _ in range(2 * sys.getrecursionlimit()):
        y = y + shallow
    assert copied(y).data == y.data


def test_a_graph_is_pickled_again_within_the_pickle_that_it_is_in():
    y = Value(1.0)
    for _ in range(2 * sys.getrecursionlimit()):
        y = y + 1.0
    again, apart = pickle.loads(pickle.dumps((y, InAPickle(y))))
    assert again.data == apart.data == y.data and again is not apart


def test_a_pickle_names_no_engine_and_a_small_graph_makes_a_small_one():
    y = Value(1.0) * 2.0
    assert b"autodiff.value" not in pickle.dumps(y) and b"native" not in pickle.dumps(y)
    assert len(pickle.dumps(y)) < 180


@every_copy
def test_a_wide_graph_under_a_deep_one_is_copied_once(copied):
    xs = [Value(float(i)) for i in range(100)]
    y = sum(xs)
    for x in xs:
        y = y * 0.5 + x
    assert len(topological_order(copied(y))) == len(topological_order(y))


@every_copy
def test_the_copy_of_a_graph_that_is_out_of_date_is_out_of_date_too(copied):
    x = Value(3.0, "x")
    y = x * x
    x.data = 5.0
    assert grad(lambda v: v * v)(1.0) == 2.0  # an epoch passes
    again = copied(y)
    with pytest.raises(ValueError, match="the graph is out of date: mul was computed as 9.0"):
        gradients(again, [again.parents[0]], create_graph=True)
