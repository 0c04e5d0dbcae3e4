/* How a machine runs its stream: program.h includes this once for each instruction set, with

   WIDTH      how many doubles one vector holds, 1 where the compiler has no vectors
   FOR(name)  the name of a function in this set

   Vectors hold items side by side, never the terms of a sum: each item is computed in its own order, and so no
   bit depends on the width. What a vector writes past the end of its run is written again by the run it belongs to,
   since runs fill the slots in order; past the last slot there is room for one vector.
*/

#if WIDTH > 1
typedef double FOR(Vector) __attribute__((vector_size(8 * WIDTH)));
typedef int64_t FOR(Mask) __attribute__((vector_size(8 * WIDTH)));
#define V FOR(Vector)
#define MASK FOR(Mask)
#define ALL(x) ((x) - (V){0.0})  /* x in every place: minus zero changes no number, plus zero would change -0.0 */
#define PICK(test, p, q) ((V)(((MASK)(V)(p) & (MASK)(test)) | ((MASK)(V)(q) & ~(MASK)(test))))
#else
typedef double FOR(Vector);
typedef int64_t FOR(Mask);
#define V FOR(Vector)
#define MASK FOR(Mask)
#define ALL(x) (x)
#define PICK(test, p, q) ((test) ? (p) : (q))
#endif

static ALWAYS_INLINE V FOR(load)(const double *from)
{
    V x;
    memcpy(&x, from, sizeof x);
    return x;
}

static ALWAYS_INLINE void FOR(store)(double *to, V x)
{
    memcpy(to, &x, sizeof x);
}
#define LOAD(from) FOR(load)(from)
#define STORE(to, x) FOR(store)(to, x)

#include "elementary.h"

/* ── Grids ───────────────────────────────────────────────────────────────────────────────────────────────── */

/* Where the factors of a cell stand, and what it begins with: the j-th term of the cell in row r and column c is
   a[r * a_row + j * a_term] * b[j * b_term + c]. It begins with start[r * start_row + c * start_column], or with the
   first term where start is NULL. */
typedef struct {
    const double *a, *b, *start;
    ptrdiff_t a_row, a_term, b_term, start_row, start_column;
    size_t terms;
} FOR(Factors);

static ALWAYS_INLINE V FOR(beginning)(const FOR(Factors) *f, size_t r, size_t c)
{
    const double *from = f->start + (ptrdiff_t)r * f->start_row;
    return f->start_column ? LOAD(from + c) : ALL(*from);
}

#define TIMES(i, j) (ALL(a##i[(j) * at]) * b)
#define ROW(i) const double *a##i = f->a + (ptrdiff_t)(r + i) * f->a_row;
#define BEGIN(i) V s##i = f->start ? FOR(beginning)(f, r + i, c) : TIMES(i, 0);
#define BEGIN_NEXT(i) V t##i = f->start ? FOR(beginning)(f, r + i, c + WIDTH) : ALL(a##i[0]) * d;
#define ADD(i) s##i += TIMES(i, j);
#define ADD_BOTH(i) { const V x = ALL(a##i[j * at]); s##i += x * b; t##i += x * d; }
#define KEEP(i) STORE(to + i * columns, s##i);
#define KEEP_BOTH(i) STORE(to + i * columns, s##i); STORE(to + i * columns + WIDTH, t##i);
#define ONE_ROW(X) X(0)
#define FOUR_ROWS(X) X(0) X(1) X(2) X(3)

/* Some rows of a grid, in one vector of columns or in two beside one another: their sums stay in registers. */
#define TILES(name, ROWS)                                                                              \
    static ALWAYS_INLINE void FOR(name)(const FOR(Factors) *f, size_t r, size_t c, size_t columns, double *to) \
    {                                                                                                  \
        const ptrdiff_t at = f->a_term, bt = f->b_term, terms = (ptrdiff_t)f->terms;                   \
        ROWS(ROW)                                                                                      \
        V b = LOAD(f->b + c);                                                                          \
        ROWS(BEGIN)                                                                                    \
        for (ptrdiff_t j = !f->start; j < terms; j++) {                                                \
            b = LOAD(f->b + j * bt + c);                                                               \
            ROWS(ADD)                                                                                  \
        }                                                                                              \
        ROWS(KEEP)                                                                                     \
    }                                                                                                  \
    static ALWAYS_INLINE void FOR(name##_both)(const FOR(Factors) *f, size_t r, size_t c, size_t columns, double *to) \
    {                                                                                                  \
        const ptrdiff_t at = f->a_term, bt = f->b_term, terms = (ptrdiff_t)f->terms;                   \
        ROWS(ROW)                                                                                      \
        V b = LOAD(f->b + c), d = LOAD(f->b + c + WIDTH);                                              \
        ROWS(BEGIN)                                                                                    \
        ROWS(BEGIN_NEXT)                                                                               \
        for (ptrdiff_t j = !f->start; j < terms; j++) {                                                \
            b = LOAD(f->b + j * bt + c), d = LOAD(f->b + j * bt + c + WIDTH);                          \
            ROWS(ADD_BOTH)                                                                             \
        }                                                                                              \
        ROWS(KEEP_BOTH)                                                                                \
    }
TILES(row, ONE_ROW)
TILES(rows, FOUR_ROWS)
#undef TIMES
#undef ROW
#undef BEGIN
#undef BEGIN_NEXT
#undef ADD
#undef ADD_BOTH
#undef KEEP
#undef KEEP_BOTH
#undef ONE_ROW
#undef FOUR_ROWS
#undef TILES

/* The last columns first: what their vectors write past the end of a row is written again as the beginning of the
   next one. */
static void FOR(grid)(const uint32_t *p, double *v)
{
#define STRIDE(k) ((ptrdiff_t)(int32_t)p[k])
    const size_t rows = p[1], columns = p[4];
    const FOR(Factors) f = {v + p[5], v + p[8], p[10] ? v + p[11] : NULL, STRIDE(6), STRIDE(7), STRIDE(9),
                            STRIDE(12), STRIDE(13), p[3]};
#undef STRIDE
    for (size_t c = (columns - 1) / (2 * WIDTH) * (2 * WIDTH);; c -= 2 * WIDTH) {
        double *to = v + p[2] + c;
        size_t r = 0;
        if (columns - c > WIDTH) {
            for (; r + 4 <= rows; r += 4, to += 4 * columns)
                FOR(rows_both)(&f, r, c, columns, to);
            for (; r < rows; r++, to += columns)
                FOR(row_both)(&f, r, c, columns, to);
        }
        else {
            for (; r + 4 <= rows; r += 4, to += 4 * columns)
                FOR(rows)(&f, r, c, columns, to);
            for (; r < rows; r++, to += columns)
                FOR(row)(&f, r, c, columns, to);
        }
        if (!c)
            break;
    }
}

/* ── Runs ────────────────────────────────────────────────────────────────────────────────────────────────── */

enum { FOR(BLOCK) = 64 }; /* items at a time, of a wide run: their inputs stay in the first cache */
#define BLOCK FOR(BLOCK)

/* The next n numbers of a column of inputs, side by side: where they stand, or gathered in `room`. */
static ALWAYS_INLINE const double *FOR(column)(const uint32_t *column, size_t from, size_t n, const uint32_t *lists,
                                               const double *v, double *room)
{
    const uint32_t stride = column[0];
    if (stride == 1)
        return v + column[1] + from;
    if (stride == LISTED) {
        const uint32_t *list = lists + column[1] + from;
        size_t i = 0;
        for (; i + 4 <= n; i += 4) {
            room[i] = v[list[i]];
            room[i + 1] = v[list[i + 1]];
            room[i + 2] = v[list[i + 2]];
            room[i + 3] = v[list[i + 3]];
        }
        for (; i < n; i++)
            room[i] = v[list[i]];
    }
    else {
        const double *at = v + column[1] + from * stride;
        for (size_t i = 0; i < n; i++)
            room[i] = at[i * stride];
    }
    for (size_t i = n; i % WIDTH; i++)
        room[i] = 0.0;
    return room;
}

/* What the ops compute that are as simple in a vector as in a number. */
#define FOR_SIMPLE(X)                            \
    X(OP_ADD, A + B)                             \
    X(OP_SUB, A - B)                             \
    X(OP_MUL, A * B)                             \
    X(OP_DIV, A / B)                             \
    X(OP_NEG, -A)                                \
    X(OP_RELU, PICK(A <= ALL(0.0), ALL(0.0), A)) \
    X(OP_WHERE, PICK(A != ALL(0.0), B, C))       \
    X(M_SELECT, PICK(A != ALL(0.0), B, C))       \
    X(M_LT, PICK(A < B, ALL(1.0), ALL(0.0)))     \
    X(M_LE, PICK(A <= B, ALL(1.0), ALL(0.0)))    \
    X(M_EQ, PICK(A == B, ALL(1.0), ALL(0.0)))    \
    X(M_NE, PICK(A != B, ALL(1.0), ALL(0.0)))    \
    X(M_BOTH, PICK((A != ALL(0.0)) & (B != ALL(0.0)), ALL(1.0), ALL(0.0)))   \
    X(M_EITHER, PICK((A != ALL(0.0)) | (B != ALL(0.0)), ALL(1.0), ALL(0.0))) \
    X(M_OPPOSITE, PICK(A == ALL(0.0), ALL(1.0), ALL(0.0)))                   \
    X(M_DETACH, A)

#ifdef POW_IS_NEAR
/* pow(x, 2.0) of n numbers. x * x is what pow returns, unless the exact square is so near to the middle of two numbers
   that pow may round it to the other one: its error is below 0.54 ulp, so that 0.45 ulp from x * x is near enough. */
static void FOR(squares)(const double *x, const double *two, size_t n, double *to)
{
    for (size_t i = 0; i < n; i += WIDTH) {
        double square[WIDTH], off[WIDTH], limit[WIDTH];
        const V a = LOAD(x + i), y = a * a, c = a * ALL(134217729.0);
        const V high = c - (c - a), low = a - high; /* two halves of the digits: their products are exact */
        const V rest = ((high * high - y) + ALL(2.0) * high * low) + low * low;
        const V power = AS_NUMBER(AS_BITS(y) & AS_BITS(ALL(INFINITY))); /* the power of two below y */
        const V in_range = PICK((y > ALL(0x1p-900)) & (y < ALL(0x1p900)) & (y != power), power, ALL(-1.0));
        STORE(square, y);
        STORE(off, FOR(magnitude)(rest));
        STORE(limit, in_range * ALL(0.45 * 0x1p-52));
        for (size_t j = 0; j < WIDTH && i + j < n; j++)
            if (!(off[j] < limit[j]))
                square[j] = pow(x[i + j], *two); /* a compiler makes x * x of pow(x, 2.0) */
        memcpy(to + i, square, sizeof square);
    }
}
#endif

/* A run of many items: each column of inputs is a first slot and a stride, or a list of slots. */
static int FOR(wide)(const uint32_t *p, const uint32_t *lists, double *v)
{
    const size_t items = p[1], k = p[3];
    const int op = (int)(p[0] & 0xffff);
    double rooms[3][BLOCK], sums[BLOCK];
    for (size_t from = 0; from < items; from += BLOCK) {
        const size_t n = items - from < BLOCK ? items - from : BLOCK;
        const double *given[3] = {v, v, v};
        double *to = v + p[2] + from;
#define GIVEN(place, j) FOR(column)(p + 4 + 2 * (j), from, n, lists, v, rooms[place])
#define EACH(formula)                        \
    for (size_t i = 0; i < n; i += WIDTH)    \
        STORE(to + i, formula)
        if (op == OP_SUM || op == OP_DOT || op == M_PAIRS) {
            const size_t terms = op == OP_SUM ? k : k / 2, first = op == M_PAIRS ? 1 : 0;
            given[0] = GIVEN(0, 0);
            if (op == OP_DOT) {
                given[1] = GIVEN(1, terms);
                for (size_t i = 0; i < n; i += WIDTH)
                    STORE(sums + i, LOAD(given[0] + i) * LOAD(given[1] + i));
            }
            else
                for (size_t i = 0; i < n; i += WIDTH)
                    STORE(sums + i, LOAD(given[0] + i));
            for (size_t j = !first; j < terms; j++) {
                given[0] = GIVEN(0, first + j);
                if (op == OP_SUM) {
                    for (size_t i = 0; i < n; i += WIDTH)
                        STORE(sums + i, LOAD(sums + i) + LOAD(given[0] + i));
                    continue;
                }
                given[1] = GIVEN(1, first + terms + j);
                for (size_t i = 0; i < n; i += WIDTH)
                    STORE(sums + i, LOAD(sums + i) + LOAD(given[0] + i) * LOAD(given[1] + i));
            }
            EACH(LOAD(sums + i));
            continue;
        }
        for (size_t j = 0; j < k; j++)
            given[j] = GIVEN(j, j);
        switch (op) {
#define A LOAD(given[0] + i)
#define B LOAD(given[1] + i)
#define C LOAD(given[2] + i)
#define SIMPLE(op, formula) case op: EACH(formula); break;
        FOR_SIMPLE(SIMPLE)
        SIMPLE(M_FAST_EXP, FOR(fast_exp)(A))
        SIMPLE(M_FAST_LOG, FOR(fast_log)(A))
        SIMPLE(M_FAST_TANH, FOR(fast_tanh)(A))
        SIMPLE(M_FAST_SECH2, FOR(fast_sech2)(A))
        SIMPLE(M_FAST_SIGMOID, FOR(fast_sigmoid)(A))
        SIMPLE(M_FAST_SIGMOID_SLOPE, FOR(fast_sigmoid_slope)(A))
#undef SIMPLE
#undef EACH
#undef A
#undef B
#undef C
#ifdef POW_IS_NEAR
        case OP_POW:
            if (!p[6] && v[p[7]] == 2.0)
                FOR(squares)(given[0], given[1], n, to);
            else if (!p[6] && v[p[7]] == 1.0)
                memcpy(to, given[0], n * sizeof *to);
            else
                for (size_t i = 0; i < n; i++)
                    to[i] = pow(given[0][i], given[1][i]);
            break;
#endif
        case OP_COPYSIGN: /* a nan has a sign, which C and Python need not agree on: here it would be seen */
            for (size_t i = 0; i < n; i++) {
                if (given[1][i] != given[1][i])
                    return 0;
                to[i] = copysign(given[0][i], given[1][i]);
            }
            break;
        case M_CHOOSES:
            for (size_t i = 0; i < n; i++)
                to[i] = chooses(given[0][i], given[1][i]);
            break;
        default:
            for (size_t i = 0; i < n; i++) {
                const double x[3] = {given[0][i], given[1][i], given[2][i]};
                to[i] = k == 1 && op_rows[op].f1   ? op_rows[op].f1(x[0])
                        : k == 2 && op_rows[op].f2 ? op_rows[op].f2(x[0], x[1])
                                                   : op_rows[op].fn(x, (Py_ssize_t)k);
            }
        }
#undef GIVEN
    }
    return 1;
}

/* One item. */
static ALWAYS_INLINE int FOR(single)(const uint32_t *p, double *v)
{
    const size_t k = p[3];
    const int op = (int)(p[0] & 0xffff);
    double *to = v + p[2];
    p += 4;
    switch (op) {
#undef ALL
#undef PICK
#define ALL(x) (x)
#define PICK(test, p, q) ((test) ? (p) : (q))
#define A v[p[0]]
#define B v[p[1]]
#define C v[p[2]]
#define SIMPLE(op, formula) case op: *to = (formula); break;
    FOR_SIMPLE(SIMPLE)
#undef SIMPLE
    case M_CHOOSES: *to = chooses(A, B); break;
    case OP_COPYSIGN:
        if (B != B)
            return 0;
        *to = copysign(A, B);
        break;
    case OP_SUM: {
        double sum = A;
        for (size_t j = 1; j < k; j++)
            sum += v[p[j]];
        *to = sum;
        break;
    }
    case OP_DOT: {
        double sum = A * v[p[k / 2]];
        for (size_t j = 1; j < k / 2; j++)
            sum += v[p[j]] * v[p[k / 2 + j]];
        *to = sum;
        break;
    }
    case M_PAIRS: {
        double sum = A;
        for (size_t j = 1; j <= k / 2; j++)
            sum += v[p[j]] * v[p[k / 2 + j]];
        *to = sum;
        break;
    }
    default:
        if (op_rows[op].f1)
            *to = op_rows[op].f1(A);
        else if (op_rows[op].f2)
            *to = op_rows[op].f2(A, B);
        else
            return each_of_many(op, p, 1, k, v, to) == 0;
#undef A
#undef B
#undef C
    }
    return 1;
}

/* A run of few items: every input is in a list. */
static int FOR(narrow)(const uint32_t *p, double *v)
{
    const size_t n = p[1], k = p[3];
    const int op = (int)(p[0] & 0xffff);
    double *to = v + p[2];
    p += 4;
    switch (op) {
#define A v[p[i]]
#define B v[p[n + i]]
#define C v[p[2 * n + i]]
#define EACH(formula)                  \
    for (size_t i = 0; i < n; i++)     \
        to[i] = (formula)
#define SIMPLE(op, formula) case op: EACH(formula); break;
    FOR_SIMPLE(SIMPLE)
#undef SIMPLE
    case OP_COPYSIGN:
        for (size_t i = 0; i < n; i++)
            if (B != B)
                return 0;
        EACH(copysign(A, B));
        break;
    case M_CHOOSES: EACH(chooses(A, B)); break;
    case OP_SUM: SUMS(v[p[i]], 1, k, v[p[j * n + i]]); break;
    case OP_DOT: { /* factors, then their partners */
        const uint32_t *q = p + n * (k / 2);
        SUMS(v[p[i]] * v[q[i]], 1, k / 2, v[p[j * n + i]] * v[q[j * n + i]]);
        break;
    }
    case M_PAIRS: { /* a number to start with, factors, then their partners */
        const uint32_t *f = p + n, *q = f + n * (k / 2);
        SUMS(v[p[i]], 0, k / 2, v[f[j * n + i]] * v[q[j * n + i]]);
        break;
    }
    default:
        if (op_rows[op].f1)
            EACH(op_rows[op].f1(A));
        else if (op_rows[op].f2)
            EACH(op_rows[op].f2(A, B));
        else
            return each_of_many(op, p, n, k, v, to) == 0;
#undef EACH
#undef A
#undef B
#undef C
    }
    return 1;
}

/* Fill the slots: 1 where all is well, 0 where Python has to look at it. */
static int FOR(run_stream)(const uint32_t *p, const uint32_t *lists, double *v, int ieee)
{
    int *failed = &has_failed;
    *failed = 0;
    for (;;) {
        const uint32_t word = p[0], n = p[1];
        int well = 1;
        if (n == 1 && (word & 0xffff) != M_GRID)
            well = FOR(single)(p, v);
        else if (word & WIDE)
            well = FOR(wide)(p, lists, v);
        else if ((word & 0xffff) == M_GRID)
            FOR(grid)(p, v);
        else if (n)
            well = FOR(narrow)(p, v);
        else
            return 1;
        if (!well)
            return 0;
        if (word & MAY_RAISE && !ieee) {
            if (*failed)
                return 0;
            for (const double *x = v + p[2], *end = x + n; x < end; x++)
                if (!isfinite(*x))
                    return 0;
        }
        p = next_run(p);
    }
}

#undef AS_BITS
#undef AS_NUMBER
#undef V
#undef MASK
#undef ALL
#undef PICK
#undef LOAD
#undef STORE
#undef BLOCK
#undef FOR_SIMPLE
#undef WIDTH
#undef FOR
