# cython: language_level=3, c_api_binop_methods=True, binding=False, cdivision=True, boundscheck=False, wraparound=False
"""The native engine: the class of `value`, node for node and bit for bit, as a C type.

Read `value` first: it is the same engine in plain Python, and this file only says what C adds. A node is 104
bytes, holds up to two operands and local derivatives in place (more of them in one block), and is not known to
the garbage collector, since a node never refers to its results and so no cycle can form (a subclass may close
one by an attribute that holds a result of its own instance: that one is never freed). What is not hot (errors,
modes, copies, rows that a user defined) is the shared Python code.

Threads: one lock makes each walk over a graph one step to the others, even where graphs share parameters.
"""

cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport Py_EQ, Py_GE, Py_GT, Py_LE, Py_LT, PyObject
from libc.math cimport isfinite
from libc.string cimport memset

import os

from autodiff import calls, copies, modes
from autodiff import value as reference
from autodiff.buffers import as_doubles, as_finite_doubles, not_a_value
from autodiff.floats import as_label, as_number, failure, gradient_failure
from autodiff.op import OPERATORS, OPS
from autodiff.ops import SUM

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #error "the native engine needs the GIL: a free-threaded Python uses the reference engine"
    #endif
    #if defined(__FAST_MATH__)
    #error "the native engine promises the reference engine's bits: build it without -ffast-math"
    #endif
    /* What new_node does for every node, in place of a call of PyObject_Init; a block given back has no references
       left in it, a new one is all zeros. */
    static CYTHON_INLINE PyObject *as_object(void *block, PyTypeObject *type) {
    #ifdef Py_TRACE_REFS
        return PyObject_Init((PyObject *)block, type);
    #else
        Py_SET_TYPE((PyObject *)block, type);
        Py_SET_REFCNT((PyObject *)block, 1);
        return (PyObject *)block;
    #endif
    }
    static CYTHON_INLINE PyObject *weak_references(PyObject *node) {
        return *(PyObject **)((char *)node + Py_TYPE(node)->tp_weaklistoffset);
    }
    """
    ctypedef struct PyTypeObject:
        Py_ssize_t tp_basicsize
        void (*tp_dealloc)(PyObject *node) noexcept
        PyObject *(*tp_alloc)(PyTypeObject *subtype, Py_ssize_t items) noexcept
        void (*tp_free)(void *block) noexcept
        object (*tp_richcompare)(object x, object y, int comparison)
        Py_hash_t (*tp_hash)(object o) except -1
        PyObject *tp_dict
    object as_object(void *block, PyTypeObject *type)
    PyObject *PyObject_Init(PyObject *block, PyTypeObject *type)
    PyObject *PyType_GenericAlloc(PyTypeObject *type, Py_ssize_t items)
    void PyErr_NoMemory()
    PyObject *weak_references(PyObject *node)
    void PyObject_ClearWeakRefs(PyObject *node)
    void PyType_Modified(PyTypeObject *type)
    PyTypeObject *Py_TYPE(PyObject *o)
    Py_ssize_t Py_REFCNT(PyObject *o)
    void Py_SET_REFCNT(PyObject *o, Py_ssize_t count)
    void Py_INCREF(PyObject *o)
    void Py_DECREF(PyObject *o)
    void Py_XDECREF(PyObject *o)
    double PyLong_AsDouble(object number) except? -1.0
    char *PyByteArray_AS_STRING(object bytes)
    ctypedef struct Py_buffer:
        void *buf
    Py_buffer *PyMemoryView_GET_BUFFER(object memory)
    PyTypeObject PyFloat_Type
    PyTypeObject PyBaseObject_Type

cdef extern from "blocks.h":
    size_t block_bytes, blocks_taken
    void *take_block()
    void give_back_block(void *block)

ctypedef PyObject *Ref  # an owned reference that Cython does not count

name = "native"

cdef object mode_flag = modes.flag
cdef char *in_a_mode = PyByteArray_AS_STRING(mode_flag)
cdef object reads_flag = modes.reads
cdef char *is_watched = PyByteArray_AS_STRING(reads_flag)

cdef enum:
    OTHER, VALUE, NUMBER, VALUE_AND_NUMBER, NUMBER_AND_VALUE, BOTH_VALUES, BOTH_NUMBERS  # what operands are


@cython.no_gc
cdef class Value:
    # A leaf has no op; one operand: x; two: x and y; any other number: y is a Many, and x is NULL.
    cdef double _data, _grad, dx, dy
    cdef Ref _op, x, y, _label
    cdef unsigned long long mark  # of the last walk that came by; while the node waits to be freed, the next in line
    cdef long long epoch  # when it was made: no operand is younger
    cdef object __weakref__

    def __init__(self, data, label=""):
        cdef double number = finite(data, "Value")
        cdef Ref waiting = NULL
        if self.x is not NULL or self.y is not NULL or self._label is not NULL:
            between_walks("a node was made anew within a walk over its graph")
            let_go(<Ref>self, &waiting)  # __init__ may be called again, as on any object
            free_all(waiting)
        self._data, self._grad = number, 0.0
        if label != "":
            self.label = label

    @property
    def data(self):
        if is_watched[0] > 1:
            modes.note_read(self, ".data")
        return self._data

    @data.setter
    def data(self, data):
        self._data = finite(data, "Value.data")
        note_assignment()

    @data.deleter
    def data(self):
        raise AttributeError(f"property 'data' of {type(self).__name__!r} object has no deleter")

    @property
    def grad(self):
        return self._grad

    @grad.setter
    def grad(self, grad):
        self._grad = finite(grad, "Value.grad")

    @grad.deleter
    def grad(self):
        raise AttributeError(f"property 'grad' of {type(self).__name__!r} object has no deleter")

    @property
    def op(self):
        return None if self._op is NULL else <object>self._op

    @property
    def label(self):
        return "" if self._label is NULL else <object>self._label

    @label.setter
    def label(self, label):
        cdef Ref before = self._label
        label = as_label(label)
        self._label = counted(label) if label else NULL
        Py_XDECREF(before)

    @label.deleter
    def label(self):
        raise AttributeError(f"property 'label' of {type(self).__name__!r} object has no deleter")

    @property
    def args(self):
        cdef Many *many
        if self.x is not NULL:
            return (<object>self.x,) if self.y is NULL else (<object>self.x, <object>self.y)
        if self.y is NULL:
            return ()
        many = <Many *>self.y
        return tuple([<object>operands_of(many)[i] for i in range(many.count)])

    @property
    def partials(self):
        cdef Many *many
        if self.x is not NULL:
            return <tuple>(self.dx,) if self.y is NULL else <tuple>(self.dx, self.dy)
        if self.y is NULL:
            return ()
        many = <Many *>self.y
        return tuple([partials_of(many)[i] for i in range(many.count)])

    @property
    def parents(self):
        return tuple([a for a in self.args if isinstance(a, Value)])

    # Arithmetic. Each slot serves both sides: `left` or `right` is the Value, or both are.

    def __add__(left, right):
        return of_two(ROW_add, left, right)

    def __sub__(left, right):
        return of_two(ROW_sub, left, right)

    def __mul__(left, right):
        return of_two(ROW_mul, left, right)

    def __truediv__(left, right):
        return of_two(ROW_div, left, right)

    def __mod__(left, right):
        return of_two(ROW_mod, left, right)

    def __pow__(left, right, modulus):
        return of_two(ROW_pow, left, right) if modulus is None else NotImplemented

    def __neg__(self):
        return of_one(ROW_neg, self)

    def __abs__(self):
        return of_one(ROW_abs, self)

    def __pos__(self):
        return self

    # The backward pass.

    def backward(self, seed=1.0):
        """Fill ``grad`` of every node below: seed · ∂self/∂node; leaves accumulate. See `reference.Value.backward`."""
        cdef double start = finite(seed, "backward(seed)")
        cdef Walk walk
        begin(&walk, 0)
        try:
            visit(<Ref>self, &walk, True)
            save_gradients(&walk)
            try:
                self._grad += start
                pass_on(&walk)
                if not all_finite(&walk):
                    raise gradient_failure(order_within(&walk, <Ref>self))
            except BaseException:
                restore_gradients(&walk)
                raise
        finally:
            finish(&walk)

    # A Value behaves as the number it holds; == compares numbers, hash goes by identity.

    def __richcmp__(self, other, int comparison):
        cdef double x = self._data, y
        if is_watched[0] > 1:
            modes.note_read(self, "a comparison")
            if isinstance(other, Value):
                modes.note_read(other, "a comparison")
        if isinstance(other, Value):
            y = (<Value>other)._data
        elif type(other) is float:
            y = <double>other
        else:
            return PyFloat_Type.tp_richcompare(x, other, comparison)
        if comparison == Py_LT:
            return x < y
        if comparison == Py_LE:
            return x <= y
        if comparison == Py_GT:
            return x > y
        if comparison == Py_GE:
            return x >= y
        return x == y if comparison == Py_EQ else x != y

    def __hash__(self):
        return PyBaseObject_Type.tp_hash(self)

    def __bool__(self):
        if is_watched[0] > 1:
            modes.note_read(self, "bool()")
        return self._data != 0.0

    def __float__(self):
        if is_watched[0]:
            modes.note_read(self, "float()")
        return self._data

    def __int__(self):
        if is_watched[0] > 1:
            modes.note_read(self, "int()")
        return int(self._data)

    def __round__(self, digits=None):
        if is_watched[0] > 1:
            modes.note_read(self, "round()")
        return round(self._data, digits)

    def __format__(self, spec):
        return format(self._data, spec)

    def __repr__(self):
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self._data!r}, grad={self._grad!r}{label})"

    def conjugate(self):
        """Itself, for it is real: NumPy asks, in the variance of an array."""
        return self

    def __copy__(self):
        return copies.shallow_copy(self, restore)

    def __deepcopy__(self, memo):
        return copies.deep_copy(topological_order(self), memo, restore)

    def __reduce__(self):
        return copies.pickled(self, topological_order, restore)


include "nodes.pxi"
include "rows.pxi"
include "walks.pxi"
include "buffers.pxi"


# The engine's contract, with Value and topological_order; as in `reference`.


def record(double out, op, x, dx, y=None, double dy=0.0):
    if not isfinite(out):
        raise failure(op, x if type(x) is tuple else (x,) if y is None else (x, y))
    if in_a_mode[0] and not_recording:
        return leaf(out)
    return noted(of_any(op, out, x, dx) if type(x) is tuple else of_any(op, out, (x,), (dx,)) if y is None else
                 of_any(op, out, (x, y), (dx, dy)))


def apply(op, *args):
    return calls.apply(op, args, Value, record)


def function(op):
    return FUNCTIONS.get(op) or calls.function(op, Value, record)


def n_ary(op):
    cdef VectorFunction made
    if op not in ROW_OF or not op.n_ary:
        return lambda *given: calls.of_vectors(op, given, Value, record)
    made = VectorFunction()
    made.row, made.op = ROW_OF[op], op
    return made


def softmax(xs):
    cdef list operands = list(xs) if type(xs) is list and xs else list(calls.vectors("softmax", (xs,), Value)[0])
    cdef double number, most = -float("inf")
    cdef Py_ssize_t i, n = len(operands)
    for i in range(n):
        if look_at(operands[i], &number) == OTHER:
            operands[i] = number = as_number(operands[i], "softmax")
        most = max(most, number)
    largest = most
    for i in range(n):
        operands[i] = exponential(operands[i] - largest)
    total = SUM_OF(operands)
    for i in range(n):
        operands[i] = operands[i] / total
    return operands


cdef object exponential(object x):
    cdef PyObject *operand = <PyObject *>x
    if type(x) is Value:
        return of_one(ROW_exp, x)
    result = of_fixed(ROW_exp, &operand, 1)
    return row_in_python(ROW_exp)(x) if result is NotImplemented else result


@cython.binding(True)
def restore(data, grad, op, args, partials, label, kind=None):
    """A node from its parts, as they were (copy and pickle)."""
    cdef Value node = of_any(op, data, tuple([a if isinstance(a, Value) else float(a) for a in args]), tuple(partials))
    if op is None:
        if kind is not None:
            node = Value.__new__(kind)
            node._data = data
        else:
            Py_DECREF(node._op)
            node._op = NULL
    else:
        note_assignment()  # whether its data follows from its operands' nobody has looked at
    node._grad, node.label = grad, label
    return node


def live_nodes():
    """How many nodes there are in memory, of all graphs: for tests that look for leaks."""
    return blocks_taken


# A C type takes no new attributes from Python: the methods of the rows go into its dictionary from here.

cdef PyTypeObject *value_type = <PyTypeObject *>Value
block_bytes = value_type.tp_basicsize
value_type.tp_alloc = allocate
value_type.tp_dealloc = deallocate

cdef dict ROW_OF = {}, FUNCTIONS = {}


cdef put_rows_to_use():
    global function_of_row, method_of_row
    cdef dict methods = <dict>value_type.tp_dict
    cdef Py_ssize_t entry = 0
    cdef int row
    function_of_row, method_of_row = call_function, call_method
    for row in range(ROW_COUNT):
        op = OPS[rows[row].name.decode()]
        OP_OF[row] = counted(op)
        ROW_OF[op] = row
        if op.defaults:
            OPTIONAL[row] = op.operands[-len(op.defaults):], op.defaults
        if rows[row].operands:
            FUNCTIONS[op] = PyCFunction_NewEx(&row_functions[entry], NULL, <PyObject *>"autodiff")
            if op.name not in OPERATORS:
                methods[op.name] = PyDescr_NewMethod(value_type, &row_methods[entry])
            entry += 1
        else:
            FUNCTIONS[op] = calls.function(op, Value, record)
    for op in OPS.values():
        if op not in FUNCTIONS:  # a row of a table newer than what was built: in Python, until it is built anew
            methods[op.name] = FUNCTIONS[op] = calls.function(op, Value, record)
    methods["__doc__"] = reference.Value.__doc__
    PyType_Modified(value_type)


put_rows_to_use()
cdef object SUM_OF = n_ary(SUM)
modes.listener = set_modes
