/* A Program's instructions as a flat tape over the rows of rows.h: numbers and indices in arrays, no Python objects.

   There are two memories, as in autodiff/program/instructions.py: a slot of what does not vary with the example holds
   one double, a slot of what does holds one for each example, of LANES examples side by side. Examples run in blocks of
   LANES, those that remain one by one. A gradient begins at 0 and is added to, in the order of the scalar engines'
   backward pass. What a step does is tape_steps.h's. None of it needs the GIL; who calls it owns the memory. */

#include "tape_steps.h"

typedef struct Tape {
    const Step *steps;
    ptrdiff_t count;
    const int32_t *operands;
    ptrdiff_t inputs, parameters; /* which come first in the two memories, */
    ptrdiff_t fixed, rows;        /* of so many slots */
    int output, output_varies;    /* the slot that gradients are of */
    ptrdiff_t n;                  /* examples */
    int each;                     /* is the gradient of each example wanted, and not their sum? */
    double *values, *grads;       /* of the memory of so many doubles: `fixed`, then a block of `rows` after the other; */
    double *scratch;              /* gradients of one block. For an n-ary row's operands and derivatives */
} Tape;

#define WALKS(name, lanes)                                                                                            \
    static void forward_##name(const Tape *t, const Block *b, int which) {                                            \
        for (ptrdiff_t i = 0; i < t->count; i++)                                                                      \
            if (which >> result_varies(t->steps + i) & 1)                                                             \
                forward_step(t->steps + i, t->operands + t->steps[i].operands, b, lanes);                             \
    }                                                                                                                 \
    static void backward_##name(const Tape *t, const Block *b, int which) {                                           \
        for (ptrdiff_t i = t->count - 1; i >= 0; i--)                                                                 \
            if (t->steps[i].wanted && which >> result_varies(t->steps + i) & 1)                                       \
                backward_step(t->steps + i, t->operands + t->steps[i].operands, b, lanes);                            \
    }

WALKS(one_lane, 1)
WALKS(lanes, LANES)

/* The block that begins with an example; how many lanes it has. */
static inline int block_at(const Tape *t, ptrdiff_t example, Block *b) {
    const int lanes = t->n - example >= LANES ? LANES : 1;
    b->values[0] = t->values;
    b->values[1] = t->values + t->fixed + example * t->rows;
    b->grads[0] = t->grads;
    b->grads[1] = t->grads + t->fixed * (t->each ? lanes : 1);
    b->scratch = t->scratch;
    b->each = t->each;
    return lanes;
}

static void copy(double *to, const double *from, ptrdiff_t count) {
    if (count)
        memcpy(to, from, count * sizeof(double));
}

static void clear(double *x, ptrdiff_t count) {
    if (count)
        memset(x, 0, count * sizeof(double));
}

/* By sums of 0·x, which are nan where an x is not finite. */
static int all_finite(const double *x, ptrdiff_t count) {
    double found[LANES] = {0.0};
    ptrdiff_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            found[lane] += x[i + lane] * 0.0;
    for (; i < count; i++)
        found[0] += x[i] * 0.0;
    for (int lane = 1; lane < LANES; lane++)
        found[0] += found[lane];
    return found[0] == 0.0;
}

/* Computes everything for theta and the rows of X, (n, inputs); is all of it finite? */
static int tape_forward(const Tape *t, const double *theta, const double *X) {
    Block b;
    copy(t->values, theta, t->parameters);
    if (t->n > 1) {
        block_at(t, t->n, &b);
        forward_one_lane(t, &b, FIXED);
    }
    for (ptrdiff_t example = 0; example < t->n;) {
        const int lanes = block_at(t, example, &b);
        for (ptrdiff_t i = 0; i < t->inputs; i++)
            for (int lane = 0; lane < lanes; lane++)
                b.values[1][i * lanes + lane] = X[(example + lane) * t->inputs + i];
        if (lanes > 1)
            forward_lanes(t, &b, VARYING);
        else
            forward_one_lane(t, &b, t->n > 1 ? VARYING : FIXED | VARYING);
        example += lanes;
    }
    return all_finite(t->values, t->fixed + t->n * t->rows);
}

/* The value of a slot for each example, into every `stride`-th place of `to`. */
static void tape_read(const Tape *t, int varies, int32_t slot, double *to, ptrdiff_t stride) {
    Block b;
    for (ptrdiff_t example = 0; example < t->n;) {
        const int lanes = block_at(t, example, &b);
        for (int lane = 0; lane < lanes; lane++)
            to[(example + lane) * stride] = value_at(&b, varies, slot, lanes)[varies ? lane : 0];
        example += lanes;
    }
}

/* Σ seed·∂output/∂theta into (parameters), or that of each example into (n, parameters). */
static void tape_backward(const Tape *t, const double *seeds, double *gradient) {
    const int in_one = t->each || t->n == 1; /* else what does not vary comes last, once for all */
    Block b;
    clear(t->grads, t->fixed);
    for (ptrdiff_t example = 0; example < t->n;) {
        const int lanes = block_at(t, example, &b), which = in_one ? FIXED | VARYING : VARYING;
        if (t->each)
            clear(b.grads[0], t->fixed * lanes);
        clear(b.grads[1], t->rows * lanes);
        add_to(&b, t->output_varies, t->output, seeds + example, lanes);
        if (lanes > 1)
            backward_lanes(t, &b, which);
        else
            backward_one_lane(t, &b, which);
        if (t->each)
            for (int lane = 0; lane < lanes; lane++)
                for (ptrdiff_t i = 0; i < t->parameters; i++)
                    gradient[(example + lane) * t->parameters + i] = b.grads[0][i * lanes + lane];
        example += lanes;
    }
    if (!in_one)
        backward_one_lane(t, &b, FIXED);
    if (!t->each)
        copy(gradient, t->grads, t->parameters);
}
