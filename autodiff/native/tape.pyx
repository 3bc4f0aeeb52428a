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
    """Steps bound to memory for ``n`` examples; ``written`` says where the arrays come from, and keeps them alive."""

    cdef CTape tape
    cdef object written, memory

    def __init__(self, written, Py_ssize_t n, bint each, memory):
        cdef const unsigned char[::1] steps = written.steps.view("u1")
        cdef const int[::1] operands = written.operands
        cdef double[::1] values, grads, scratch
        values, grads, scratch = memory
        self.written, self.memory = written, memory
        self.tape.steps = <const Step *>&steps[0] if len(steps) else NULL
        self.tape.operands = &operands[0] if len(operands) else NULL
        self.tape.count = len(written.steps)
        self.tape.inputs, self.tape.parameters = written.inputs, written.parameters
        self.tape.fixed, self.tape.rows = len(written.column), written.rows
        self.tape.output_varies, self.tape.output = written.outputs[0]
        self.tape.n, self.tape.each = n, each
        self.tape.values, self.tape.grads = &values[0], &grads[0]
        self.tape.scratch = &scratch[0] if len(scratch) else NULL

    def forward(self, const double[::1] theta, const double[:, ::1] X):
        """Compute everything; whether all of it is finite."""
        cdef bint finite
        with nogil:
            finite = tape_forward(&self.tape, &theta[0], &X[0, 0])
        return finite

    def read(self, double[:, ::1] found):
        """The outputs of each example, (n, outputs)."""
        cdef Py_ssize_t j
        for j, (varies, slot) in enumerate(self.written.outputs):
            tape_read(&self.tape, varies, slot, &found[0, j], found.shape[1])

    def backward(self, const double[::1] seeds, double[:, ::1] gradient):
        """Σ seed·∂output/∂θ, (1, parameters), or that of each example, (n, parameters)."""
        with nogil:
            tape_backward(&self.tape, &seeds[0], &gradient[0, 0])
