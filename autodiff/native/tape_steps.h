/* One step of a tape, forward and backward: what a row, or a matrix product, does on a block of examples.

   No derivative stands here: a kernel takes a row's value and local derivatives as functions. A matrix product is what
   it is, sums of products. The code for one example and for LANES side by side is the same, written once with the
   number of lanes as a constant. Included by tape.h. */

#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

#define LANES 8
enum { MOST_OPERANDS = 7 };                    /* of a row that is not n-ary: the bits of Step.varies */
enum { PRODUCT = ROW_COUNT, PRODUCT_AND_BIAS }; /* what a step may be besides a row */
enum { LEFT = 1, RIGHT = 2, BIAS = 4, RESULT = 1 << MOST_OPERANDS };
enum { FIXED = 1, VARYING = 2 };                /* which steps: those whose result does not vary, those whose does */

typedef struct Step {
    uint16_t what;
    uint8_t varies;   /* a bit for each operand (of an n-ary row, each vector), and RESULT */
    uint8_t wanted;   /* and which of them a gradient goes to */
    int32_t count;    /* how many results: of a product the rows of its left side */
    int32_t out;      /* the slot of the first; they lie side by side */
    int32_t operands; /* where their slots begin in Tape.operands */
} Step;
/* Of one example both memories are one array: a slot of what varies may be negative, and then is of what does not.
   The slots of a row's operands: of each operand `count`. Of an n-ary row: m, then for each result m of each vector.
   Of a product out[j, i] = Σ left[i, q]·right[j, q] + bias[i]: how many right sides and m, then left, right, bias. */

typedef struct Block {
    double *values[2], *grads[2]; /* of what does not vary, and of what does */
    double *scratch;
    int each; /* have gradients of what does not vary lanes? */
} Block;

INLINE const double *value_at(const Block *b, int varies, int32_t slot, int lanes) {
    return b->values[varies] + (ptrdiff_t)slot * (varies ? lanes : 1);
}

INLINE double *grad_at(const Block *b, int varies, int32_t slot, int lanes) {
    return b->grads[varies] + (ptrdiff_t)slot * (varies || b->each ? lanes : 1);
}

INLINE void load(double *to, const double *from, int varies, int lanes) {
    for (int lane = 0; lane < lanes; lane++)
        to[lane] = from[varies ? lane : 0];
}

INLINE void read_value(double *to, const Block *b, int varies, int32_t slot, int lanes) {
    load(to, value_at(b, varies, slot, lanes), varies, lanes);
}

INLINE void add_to(const Block *b, int varies, int32_t slot, const double *amount, int lanes) {
    double *to = grad_at(b, varies, slot, lanes);
    if (lanes == 1)
        to[0] += amount[0];
    else if (varies || b->each)
        for (int lane = 0; lane < lanes; lane++)
            to[lane] += amount[lane];
    else {
        double part[LANES / 2];
        for (int lane = 0; lane < LANES / 2; lane++)
            part[lane] = amount[lane] + amount[lane + LANES / 2];
        to[0] += (part[0] + part[2]) + (part[1] + part[3]);
    }
}

INLINE int result_varies(const Step *s) { return s->varies >= RESULT; }
INLINE int operand_varies(const Step *s, int i) { return s->varies >> i & 1; }

/* Rows of one and of two operands: the compiler knows which row. */

typedef double (*OfOne)(double x);
typedef double (*InOne)(double out, double x);
typedef double (*OfTwo)(double x, double y);
typedef double (*InTwo)(double out, double x, double y);

INLINE void forward_one(const Step *s, const int32_t *at, const Block *b, const int lanes, OfOne value) {
    const int varies = operand_varies(s, 0);
    double *out = (double *)value_at(b, result_varies(s), s->out, lanes);
    for (int32_t i = 0; i < s->count; i++, out += lanes) {
        double x[LANES];
        read_value(x, b, varies, at[i], lanes);
        for (int lane = 0; lane < lanes; lane++)
            out[lane] = value(x[lane]);
    }
}

INLINE void backward_one(const Step *s, const int32_t *at, const Block *b, const int lanes, InOne partial) {
    const int varies = operand_varies(s, 0), out_varies = result_varies(s);
    for (int32_t i = 0; i < s->count; i++) {
        double x[LANES], out[LANES], amount[LANES];
        const double *g = grad_at(b, out_varies, s->out + i, lanes);
        read_value(x, b, varies, at[i], lanes);
        read_value(out, b, out_varies, s->out + i, lanes);
        for (int lane = 0; lane < lanes; lane++)
            amount[lane] = g[lane] * partial(out[lane], x[lane]);
        add_to(b, varies, at[i], amount, lanes);
    }
}

INLINE void forward_two(const Step *s, const int32_t *at, const Block *b, const int lanes, OfTwo value) {
    const int x_varies = operand_varies(s, 0), y_varies = operand_varies(s, 1);
    double *out = (double *)value_at(b, result_varies(s), s->out, lanes);
    for (int32_t i = 0; i < s->count; i++, out += lanes) {
        double x[LANES], y[LANES];
        read_value(x, b, x_varies, at[i], lanes);
        read_value(y, b, y_varies, at[s->count + i], lanes);
        for (int lane = 0; lane < lanes; lane++)
            out[lane] = value(x[lane], y[lane]);
    }
}

INLINE void backward_two(const Step *s, const int32_t *at, const Block *b, const int lanes, InTwo in_x, InTwo in_y) {
    const int x_varies = operand_varies(s, 0), y_varies = operand_varies(s, 1), out_varies = result_varies(s);
    for (int32_t i = 0; i < s->count; i++) {
        double x[LANES], y[LANES], out[LANES], amount[LANES];
        const double *g = grad_at(b, out_varies, s->out + i, lanes);
        read_value(x, b, x_varies, at[i], lanes);
        read_value(y, b, y_varies, at[s->count + i], lanes);
        read_value(out, b, out_varies, s->out + i, lanes);
        if (s->wanted & 1) {
            for (int lane = 0; lane < lanes; lane++)
                amount[lane] = g[lane] * in_x(out[lane], x[lane], y[lane]);
            add_to(b, x_varies, at[i], amount, lanes);
        }
        if (s->wanted & 2) {
            for (int lane = 0; lane < lanes; lane++)
                amount[lane] = g[lane] * in_y(out[lane], x[lane], y[lane]);
            add_to(b, y_varies, at[s->count + i], amount, lanes);
        }
    }
}

/* Rows of more operands, and n-ary ones, through the table: example by example. */

INLINE double operand(const Step *s, int k, const Block *b, int32_t slot, int lane, int lanes) {
    const int varies = operand_varies(s, k);
    return value_at(b, varies, slot, lanes)[varies ? lane : 0];
}

INLINE void add_to_lane(const Step *s, int k, const Block *b, int32_t slot, int lane, int lanes, double amount) {
    const int varies = operand_varies(s, k);
    grad_at(b, varies, slot, lanes)[varies || b->each ? lane : 0] += amount;
}

INLINE void forward_many(const Step *s, const int32_t *at, const Block *b, const int lanes) {
    const Row *row = &rows[s->what];
    double *out = (double *)value_at(b, result_varies(s), s->out, lanes);
    for (int32_t i = 0; i < s->count; i++, out += lanes)
        for (int lane = 0; lane < lanes; lane++) {
            double x[MOST_OPERANDS];
            for (int k = 0; k < row->operands; k++)
                x[k] = operand(s, k, b, at[k * s->count + i], lane, lanes);
            out[lane] = row->of_many(x);
        }
}

INLINE void backward_many(const Step *s, const int32_t *at, const Block *b, const int lanes) {
    const Row *row = &rows[s->what];
    for (int32_t i = 0; i < s->count; i++)
        for (int lane = 0; lane < lanes; lane++) {
            double x[MOST_OPERANDS], d[MOST_OPERANDS];
            const double g = grad_at(b, result_varies(s), s->out + i, lanes)[lane];
            for (int k = 0; k < row->operands; k++)
                x[k] = operand(s, k, b, at[k * s->count + i], lane, lanes);
            row->with_many(x, d);
            for (int k = 0; k < row->operands; k++)
                if (s->wanted >> k & 1)
                    add_to_lane(s, k, b, at[k * s->count + i], lane, lanes, g * d[k]);
        }
}

INLINE void gather(const Step *s, ptrdiff_t vectors, ptrdiff_t m, const int32_t *at, const Block *b, int lane, int lanes) {
    double *x = b->scratch;
    for (int k = 0; k < vectors; k++)
        for (ptrdiff_t q = 0; q < m; q++)
            *x++ = operand(s, k, b, *at++, lane, lanes);
}

INLINE void forward_vectors(const Step *s, const int32_t *at, const Block *b, const int lanes) {
    const Row *row = &rows[s->what];
    const ptrdiff_t m = *at++;
    double *out = (double *)value_at(b, result_varies(s), s->out, lanes);
    for (int32_t i = 0; i < s->count; i++, out += lanes, at += row->vectors * m)
        for (int lane = 0; lane < lanes; lane++) {
            gather(s, row->vectors, m, at, b, lane, lanes);
            out[lane] = row->of_vectors(m, b->scratch);
        }
}

INLINE void backward_vectors(const Step *s, const int32_t *at, const Block *b, const int lanes) {
    const Row *row = &rows[s->what];
    const ptrdiff_t m = *at++;
    const int out_varies = result_varies(s);
    double *const d = b->scratch + row->vectors * m;
    for (int32_t i = 0; i < s->count; i++, at += row->vectors * m)
        for (int lane = 0; lane < lanes; lane++) {
            const double g = grad_at(b, out_varies, s->out + i, lanes)[lane];
            gather(s, row->vectors, m, at, b, lane, lanes);
            row->in_vectors(m, value_at(b, out_varies, s->out + i, lanes)[out_varies ? lane : 0], b->scratch, d);
            for (int k = 0; k < row->vectors; k++)
                if (s->wanted >> k & 1)
                    for (ptrdiff_t q = 0; q < m; q++)
                        add_to_lane(s, k, b, at[k * m + q], lane, lanes, g * d[k * m + q]);
        }
}

/* Matrix products. */

typedef struct Sides {
    ptrdiff_t k, l, m;
    const int32_t *left, *right, *bias;
} Sides;

INLINE Sides sides_of(const Step *s, const int32_t *at) {
    Sides p = {s->count, at[0], at[1], at + 2, NULL, NULL};
    p.right = p.left + p.k * p.m;
    p.bias = p.right + p.l * p.m;
    return p;
}

/* Σ of the products of so many rows of the left side and one right side, added from left to right as dot adds. */
INLINE void add_products(const Block *b, const int32_t *left, const int32_t *right, ptrdiff_t m, const int rows_at_once,
                         const int lanes, const int left_varies, const int right_varies, double sum[][LANES]) {
    for (int i = 0; i < rows_at_once; i++)
        for (int lane = 0; lane < lanes; lane++)
            sum[i][lane] = -0.0;
    for (ptrdiff_t q = 0; q < m; q++) {
        const double *y = value_at(b, right_varies, right[q], lanes);
        for (int i = 0; i < rows_at_once; i++) {
            const double *x = value_at(b, left_varies, left[i * m + q], lanes);
            for (int lane = 0; lane < lanes; lane++)
                sum[i][lane] += x[left_varies ? lane : 0] * y[right_varies ? lane : 0];
        }
    }
}

enum { MOST_AT_ONCE = 4 }; /* so that one addition does not wait for the other; of lanes two fill the registers */

INLINE void forward_product_of(const Step *s, const int32_t *at, const Block *b, const int lanes, const int left_varies,
                               const int right_varies) {
    const Sides p = sides_of(s, at);
    const int at_once = lanes == 1 ? MOST_AT_ONCE : 2;
    double *out = (double *)value_at(b, result_varies(s), s->out, lanes);
    for (ptrdiff_t j = 0; j < p.l; j++)
        for (ptrdiff_t i = 0, done; i < p.k; i += done) {
            double sum[MOST_AT_ONCE][LANES];
            const int32_t *left = p.left + i * p.m, *right = p.right + j * p.m;
            if (i + at_once <= p.k) {
                done = at_once;
                add_products(b, left, right, p.m, at_once, lanes, left_varies, right_varies, sum);
            }
            else {
                done = 1;
                add_products(b, left, right, p.m, 1, lanes, left_varies, right_varies, sum);
            }
            for (ptrdiff_t r = 0; r < done; r++, out += lanes) {
                if (s->what == PRODUCT_AND_BIAS) {
                    double bias[LANES];
                    read_value(bias, b, operand_varies(s, 2), p.bias[i + r], lanes);
                    for (int lane = 0; lane < lanes; lane++)
                        sum[r][lane] += bias[lane];
                }
                for (int lane = 0; lane < lanes; lane++)
                    out[lane] = sum[r][lane];
            }
        }
}

/* The gradient of one side: of its row `mine`, the result's gradient times the other's row. */
INLINE void pull_back_side(const Block *b, const double *g, const int32_t *mine, const int32_t *other, ptrdiff_t m,
                           const int lanes, const int mine_varies, const int other_varies) {
    for (ptrdiff_t q = 0; q < m; q++) {
        double amount[LANES];
        const double *y = value_at(b, other_varies, other[q], lanes);
        for (int lane = 0; lane < lanes; lane++)
            amount[lane] = g[lane] * y[other_varies ? lane : 0];
        add_to(b, mine_varies, mine[q], amount, lanes);
    }
}

/* All of the left side, then the bias, which dot has as its last, then the right: as dot's operands stand. */
INLINE void backward_product_of(const Step *s, const int32_t *at, const Block *b, const int lanes,
                                const int left_varies, const int right_varies) {
    const Sides p = sides_of(s, at);
    const int out_varies = result_varies(s);
    for (int side = LEFT; side; side = side == LEFT ? BIAS : side == BIAS ? RIGHT : 0) {
        if (!(s->wanted & side))
            continue;
        for (ptrdiff_t j = 0; j < p.l; j++)
            for (ptrdiff_t i = 0; i < p.k; i++) {
                const int32_t *left = p.left + i * p.m, *right = p.right + j * p.m;
                double g[LANES];
                load(g, grad_at(b, out_varies, (int32_t)(s->out + j * p.k + i), lanes), 1, lanes);
                if (side == LEFT)
                    pull_back_side(b, g, left, right, p.m, lanes, left_varies, right_varies);
                else if (side == RIGHT)
                    pull_back_side(b, g, right, left, p.m, lanes, right_varies, left_varies);
                else
                    add_to(b, operand_varies(s, 2), p.bias[i], g, lanes);
            }
    }
}

#define WITH_SIDES(direction)                                                                                         \
    switch (lanes == 1 ? 0 : s->varies & (LEFT | RIGHT)) { /* of one lane there is but a base to choose */            \
    case 0: direction##_product_of(s, at, b, lanes, operand_varies(s, 0), operand_varies(s, 1)); break;               \
    case LEFT: direction##_product_of(s, at, b, lanes, 1, 0); break;                                                  \
    case RIGHT: direction##_product_of(s, at, b, lanes, 0, 1); break;                                                 \
    default: direction##_product_of(s, at, b, lanes, 1, 1);                                                           \
    }

/* Any step. */

INLINE void forward_step(const Step *s, const int32_t *at, const Block *b, const int lanes) {
#define ONE(name) case ROW_##name: forward_one(s, at, b, lanes, name##_value); break;
#define TWO(name) case ROW_##name: forward_two(s, at, b, lanes, name##_value); break;
#define MANY(name) case ROW_##name: forward_many(s, at, b, lanes); break;
#define VECTORS(name) case ROW_##name: forward_vectors(s, at, b, lanes); break;
    switch (s->what) {
        EACH_ROW_BY_ARITY(ONE, TWO, MANY, VECTORS)
    default: WITH_SIDES(forward)
    }
#undef ONE
#undef TWO
#undef MANY
#undef VECTORS
}

INLINE void backward_step(const Step *s, const int32_t *at, const Block *b, const int lanes) {
#define ONE(name) case ROW_##name: backward_one(s, at, b, lanes, name##_partial_0); break;
#define TWO(name) case ROW_##name: backward_two(s, at, b, lanes, name##_partial_0, name##_partial_1); break;
#define MANY(name) case ROW_##name: backward_many(s, at, b, lanes); break;
#define VECTORS(name) case ROW_##name: backward_vectors(s, at, b, lanes); break;
    switch (s->what) {
        EACH_ROW_BY_ARITY(ONE, TWO, MANY, VECTORS)
    default: WITH_SIDES(backward)
    }
}
