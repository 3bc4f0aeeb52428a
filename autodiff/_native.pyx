# cython: language_level=3, c_api_binop_methods=True, binding=False, cdivision=True
"""The native engine: the class of `value`, node for node and bit for bit, as a C type.

Read `value` first: it is the same engine in plain Python, and this file only says what C adds. A node is 96
bytes, holds up to two operands and local derivatives in place (more of them in one block), and is not known to
the garbage collector, since a node never refers to its results and so no cycle can form (a subclass may close
one by an attribute that holds a result of its own instance: that one is never freed). What is not hot (errors,
modes, copies, every row of the op table that is not spelled out here) is the shared Python code.

Threads: a walk over a graph runs no Python code, so the GIL makes each backward pass one step to the other
threads, even where graphs share parameters.
"""

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport Py_EQ, Py_GE, Py_GT, Py_LE, Py_LT, PyObject
from libc.math cimport exp, fabs, isfinite, log, tanh
from libc.math cimport pow as c_pow
from libc.string cimport memset

from autodiff import modes, ops
from autodiff import value as reference
from autodiff.floats import as_number, data_of, evaluate, failure, gradient_failure, local_derivatives, with_defaults

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
    PyTypeObject PyFloat_Type
    PyTypeObject PyBaseObject_Type

cdef extern from "_blocks.h":
    size_t block_bytes, blocks_taken
    void *take_block()
    void give_back_block(void *block)

ctypedef PyObject *Ref  # an owned reference that Cython does not count

name = "native"

cdef object ADD = ops.ADD, SUB = ops.SUB, MUL = ops.MUL, DIV = ops.DIV, NEG = ops.NEG, POW = ops.POW
cdef object EXP = ops.EXP, LOG = ops.LOG, TANH = ops.TANH, SIGMOID = ops.SIGMOID, RELU = ops.RELU, ABS = ops.ABS
cdef object SUM = ops.SUM, DOT = ops.DOT

cdef object mode_flag = modes.flag
cdef char *in_a_mode = PyByteArray_AS_STRING(mode_flag)

cdef enum:
    OTHER, VALUE, NUMBER, VALUE_AND_NUMBER, NUMBER_AND_VALUE, BOTH_VALUES  # what operands are, see _native_nodes.pxi


@cython.no_gc
cdef class Value:
    # A leaf has no op; one operand: x; two: x and y; any other number: y is a Many, and x is NULL.
    cdef double _data, _grad, dx, dy
    cdef Ref _op, x, y, _label
    cdef unsigned long long mark  # the last walk that came by; while the node waits to be freed, the next in line
    cdef object __weakref__

    def __init__(self, data, label=""):
        cdef double number = finite(data, "Value")
        cdef Ref waiting = NULL
        let_go(<Ref>self, &waiting)  # __init__ may be called again, as on any object
        free_all(waiting)
        self._data, self._grad, self.label = number, 0.0, label

    @property
    def data(self):
        return self._data

    @data.setter
    def data(self, data):
        self._data = finite(data, "Value.data")

    @property
    def grad(self):
        return self._grad

    @grad.setter
    def grad(self, grad):
        self._grad = finite(grad, "Value.grad")

    @property
    def op(self):
        return None if self._op is NULL else <object>self._op

    @property
    def label(self):
        return "" if self._label is NULL else <object>self._label

    @label.setter
    def label(self, label):
        cdef Ref before = self._label
        self._label = NULL
        if type(label) is not str or label:
            self._label = counted(label)
        Py_XDECREF(before)

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
        cdef double x, y
        cdef int kinds = look_at_both(left, right, &x, &y)
        return binary(ADD, left, right) if kinds == OTHER else of_two(ADD, x + y, left, right, kinds, 1.0, 1.0)

    def __sub__(left, right):
        cdef double x, y
        cdef int kinds = look_at_both(left, right, &x, &y)
        return binary(SUB, left, right) if kinds == OTHER else of_two(SUB, x - y, left, right, kinds, 1.0, -1.0)

    def __mul__(left, right):
        cdef double x, y
        cdef int kinds = look_at_both(left, right, &x, &y)
        return binary(MUL, left, right) if kinds == OTHER else of_two(MUL, x * y, left, right, kinds, y, x)

    def __truediv__(left, right):
        cdef double x, y, out
        cdef int kinds = look_at_both(left, right, &x, &y)
        if kinds == OTHER or y == 0.0:
            return binary(DIV, left, right)
        out = x / y
        return of_two(DIV, out, left, right, kinds, finite_or_inf(1.0 / y), finite_or_inf(-out / y))

    def __pow__(left, right, modulus):
        cdef double x, y
        cdef int kinds
        if modulus is not None:
            return NotImplemented
        kinds = look_at_both(left, right, &x, &y)
        if kinds != VALUE_AND_NUMBER:
            return binary(POW, left, right)
        return of_two(POW, power(x, y), left, right, kinds, finite_or_inf(y * power(x, 1.0 if y == 0.0 else y - 1.0)), 0.0)

    def __neg__(self):
        return of_one(NEG, -self._data, self, -1.0)

    def __pos__(self):
        return self

    def __abs__(self):
        return apply(ABS, self)

    def exp(self):
        cdef double out = exp(self._data)
        return of_one(EXP, out, self, out)

    def log(self):
        return of_one(LOG, log(self._data), self, finite_or_inf(1.0 / self._data))

    def tanh(self):
        cdef double out = tanh(self._data)
        return of_one(TANH, out, self, 1.0 - out * out)

    def sigmoid(self):
        cdef double x = self._data
        cdef double out = exp(x if x <= 0.0 else 0.0) / (1.0 + exp(-fabs(x)))
        return of_one(SIGMOID, out, self, out * (1.0 - out))

    def relu(self):
        cdef double x = self._data
        return of_one(RELU, x if x >= 0.0 else 0.0, self, 1.0 if x > 0.0 else 0.0)

    # The backward pass.

    def backward(self, seed=1.0):
        """Fill ``grad`` of every node below: seed · ∂self/∂node; leaves accumulate. See `reference.Value.backward`."""
        cdef double start = finite(seed, "backward(seed)")
        cdef Walk walk
        memset(&walk, 0, sizeof(Walk))
        try:
            visit(self, &walk, True)
            save_gradients(&walk)
            self._grad += start
            pass_on(&walk)
            if not all_finite(&walk):
                restore_gradients_and_raise(self, &walk)
        finally:
            PyMem_Free(walk.nodes.items)
            PyMem_Free(walk.leaves.items)
            PyMem_Free(walk.path.items)
            PyMem_Free(walk.before)

    # A Value behaves as the number it holds; == compares numbers, hash goes by identity.

    def __richcmp__(self, other, int comparison):
        cdef double x = self._data, y
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
        return self._data != 0.0

    def __float__(self):
        return self._data

    def __int__(self):
        return int(self._data)

    def __round__(self, digits=None):
        return round(self._data, digits)

    def __format__(self, spec):
        return format(self._data, spec)

    def __repr__(self):
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self._data!r}, grad={self._grad!r}{label})"

    def __copy__(self):
        return restore(self._data, self._grad, self.op, self.args, self.partials, self.label)

    def __deepcopy__(self, memo):
        from autodiff.graph import deep_copy

        return deep_copy(self, memo)

    def __reduce__(self):
        from autodiff.graph import pickled

        return pickled(self)


include "_native_nodes.pxi"
include "_native_walks.pxi"


# The engine's contract, with Value and topological_order.


def record(double out, op, tuple args, tuple partials):
    cdef Value node
    cdef Py_ssize_t i
    if not isfinite(out):
        raise failure(op, args)
    node = of_any(op, out, args)
    for i in range(len(args)):
        partials_in(node)[i] = partials[i]
    return in_mode(node) if in_a_mode[0] else node


def apply(op, *args):
    if len(args) == 1 and type(args[0]) is Value and op in INLINED:
        return INLINED[op](args[0])
    operands = tuple([a if isinstance(a, Value) else as_number(a, op.name) for a in with_defaults(op, args)])
    data = [data_of(a) for a in operands]
    out = evaluate(op, operands, data)
    return record(out, op, operands, local_derivatives(op, out, operands, data))


cdef object binary(object op, object x, object y):
    if getattr(x, "ndim", 0) or getattr(y, "ndim", 0):
        return NotImplemented
    return apply(op, x, y)


cdef tuple operands_from(object xs, str where):
    return tuple([a if isinstance(a, Value) or is_finite_float(a) else as_number(a, where) for a in xs])


cdef inline bint is_finite_float(object a):
    return type(a) is float and isfinite(<double>a)


cdef inline double data_in(object operand):
    return <double>operand if type(operand) is float else (<Value>operand)._data


def sum(xs):
    cdef tuple args = operands_from(xs, "sum")
    cdef double out = 0.0
    cdef Value node
    for a in args:
        out += data_in(a)
    if not isfinite(out):
        raise failure(SUM, args)
    node = of_any(SUM, out, args)
    for i in range(len(args)):
        partials_in(node)[i] = 0.0 if type(args[i]) is float else 1.0
    return in_mode(node) if in_a_mode[0] else node


def dot(xs, ys):
    cdef tuple args = operands_from((*xs, *ys), "dot")
    cdef Py_ssize_t i, half = len(args) // 2
    cdef double out = 0.0
    cdef Value node
    if len(xs) != len(ys):
        raise ValueError(f"dot needs two sequences of one length, and was given {len(xs)} and {len(ys)} operands")
    for i in range(half):
        out += data_in(args[i]) * data_in(args[half + i])
    if not isfinite(out):
        raise failure(DOT, args)
    node = of_any(DOT, out, args)
    for i in range(half):
        partials_in(node)[i] = 0.0 if type(args[i]) is float else data_in(args[half + i])
        partials_in(node)[half + i] = 0.0 if type(args[half + i]) is float else data_in(args[i])
    return in_mode(node) if in_a_mode[0] else node


@cython.binding(True)
def restore(data, grad, op, args, partials, label):
    """A node from its parts, as they were (copy and pickle)."""
    cdef Value node = of_any(op, data, tuple([a if isinstance(a, Value) else float(a) for a in args]))
    cdef Py_ssize_t i
    for i in range(len(args)):
        partials_in(node)[i] = partials[i]
    if op is None:
        Py_DECREF(node._op)
        node._op = NULL
    node._grad, node.label = grad, label
    return node


def live_nodes():
    """How many nodes there are in memory, of all graphs: for tests that look for leaks."""
    return blocks_taken


cdef dict INLINED = {EXP: Value.exp, LOG: Value.log, TANH: Value.tanh, SIGMOID: Value.sigmoid, RELU: Value.relu}

# A C type takes no new attributes from Python: the other rows' methods go into its dictionary from here.
cdef PyTypeObject *value_type = <PyTypeObject *>Value
block_bytes = (value_type.tp_basicsize + 15) // 16 * 16
value_type.tp_alloc = allocate
value_type.tp_dealloc = deallocate
(<dict>value_type.tp_dict).update(reference.row_methods(Value, apply), __doc__=reference.Value.__doc__)
PyType_Modified(value_type)
