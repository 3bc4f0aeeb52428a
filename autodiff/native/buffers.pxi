# Data and gradients of many Values at once, as in autodiff/buffers.py. Included by value.pyx.


def get_data(values, out):
    cdef list given = checked_values(values)
    cdef Py_ssize_t i
    cdef double *doubles = doubles_in(as_doubles(out, len(given), True))
    for i in range(len(given)):
        doubles[i] = (<Value>given[i])._data


def get_grad(values, out):
    cdef list given = checked_values(values)
    cdef Py_ssize_t i
    cdef double *doubles = doubles_in(as_doubles(out, len(given), True))
    for i in range(len(given)):
        doubles[i] = (<Value>given[i])._grad


def set_data(values, new):
    cdef list given = checked_values(values)
    cdef Py_ssize_t i
    cdef double *doubles = finite_doubles_in(new, len(given), "data")
    for i in range(len(given)):
        (<Value>given[i])._data = doubles[i]
    note_assignment()


def set_grad(values, new):
    cdef list given = checked_values(values)
    cdef Py_ssize_t i
    cdef double *doubles = finite_doubles_in(new, len(given), "grad")
    for i in range(len(given)):
        (<Value>given[i])._grad = doubles[i]


cdef list checked_values(values):
    cdef list given = values if type(values) is list else list(values)
    cdef Py_ssize_t i
    for i in range(len(given)):
        if not isinstance(given[i], Value):
            raise not_a_value(given[i])
    return given


cdef double *doubles_in(memory):
    return <double *>PyMemoryView_GET_BUFFER(memory).buf


cdef double *finite_doubles_in(new, Py_ssize_t count, str what) except NULL:
    memory = as_doubles(new, count)
    cdef double *doubles = doubles_in(memory)
    cdef Py_ssize_t i
    for i in range(count):
        if not isfinite(doubles[i]):
            as_finite_doubles(new, count, what)  # which says what is wrong
    return doubles
