# cython: language_level=3, binding=False, boundscheck=False, wraparound=False
"""The tape of a Program (`autodiff.program.on_native` writes it) and the walks over it in C, without the GIL.

What they do is tape.h's; here stands only how Python's arrays come to it. It needs nothing of the engine.
"""

cdef extern from "rows.h":
    ctypedef struct Row:
        const char *name
        Py_ssize_t operands
    const Row rows[]
    enum:
        ROW_COUNT

cdef extern from "tape.h":
    enum:
        LANES, MOST_OPERANDS, PRODUCT, PRODUCT_AND_BIAS
    ctypedef int int32_t
    ctypedef struct Step:
        pass
    ctypedef struct CTape "Tape":
        const Step *steps
        Py_ssize_t count, inputs, parameters, fixed, rows, n
        const int32_t *operands
        int output, output_varies, each
        double *values
        double *grads
        double *scratch
    bint tape_forward(const CTape *tape, const double *theta, const double *X) nogil
    void tape_read(const CTape *tape, int varies, int32_t slot, double *to, Py_ssize_t stride) nogil
    void tape_backward(const CTape *tape, const double *seeds, double *gradient) nogil

lanes = LANES
codes = {rows[i].name.decode(): i for i in range(ROW_COUNT) if rows[i].operands <= MOST_OPERANDS}
product, product_and_bias = PRODUCT, PRODUCT_AND_BIAS


cdef class Tape:
    """A tape bound to memory for ``n`` examples: ``written`` says which, ``memory`` is doubles for values, gradients
    and scratch, ``gradient`` (1 or n, parameters) and ``found`` (n, outputs) what it fills."""

    cdef CTape tape
    cdef object written, memory
    cdef double[:, ::1] gradient, found

    def __init__(self, written, Py_ssize_t n, bint each, memory, gradient, found):
        cdef const unsigned char[::1] steps = written.steps.view("u1")
        cdef const int[::1] operands = written.operands
        cdef double[::1] values, grads, scratch
        values, grads, scratch = memory
        self.written, self.memory, self.gradient, self.found = written, memory, gradient, found
        self.tape.steps = <const Step *>&steps[0]
        self.tape.operands = &operands[0]
        self.tape.count = len(written.steps)
        self.tape.inputs, self.tape.parameters = written.inputs, written.parameters
        self.tape.fixed, self.tape.rows = len(written.column), written.rows
        self.tape.output_varies, self.tape.output = written.outputs[0]
        self.tape.n, self.tape.each = n, each
        self.tape.values, self.tape.grads, self.tape.scratch = &values[0], &grads[0], &scratch[0]

    def forward(self, const double[::1] theta, const double[:, ::1] X):
        """Compute everything for theta and the rows of X; whether all of it is finite. ``found`` holds the outputs."""
        cdef bint finite
        cdef int varies, slot
        cdef Py_ssize_t j
        if theta.shape[0] != self.tape.parameters or X.shape[0] != self.tape.n or X.shape[1] != self.tape.inputs:
            raise ValueError("theta or X has another shape than this tape is bound to")
        with nogil:
            finite = tape_forward(&self.tape, &theta[0], &X[0, 0])
        for j, (varies, slot) in enumerate(self.written.outputs):
            tape_read(&self.tape, varies, slot, &self.found[0, j], self.found.shape[1])
        return finite

    def backward(self, const double[::1] seeds):
        """Σ seed·∂output/∂θ into ``gradient``, or that of each example."""
        if seeds.shape[0] != self.tape.n:
            raise ValueError("there must be a seed for each example")
        with nogil:
            tape_backward(&self.tape, &seeds[0], &self.gradient[0, 0])
