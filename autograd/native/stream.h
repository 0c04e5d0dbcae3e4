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
#define V FOR(Vector)
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
        for (size_t i = 0; i < n; i++)
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
#undef SIMPLE
#undef EACH
#undef A
#undef B
#undef C
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
                to[i] = op_rows[op].f1   ? op_rows[op].f1(x[0])
                        : op_rows[op].f2 ? op_rows[op].f2(x[0], x[1])
                                         : op_rows[op].fn(x, (Py_ssize_t)k);
            }
        }
#undef GIVEN
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
#undef ALL
#undef PICK
#define ALL(x) (x)
#define PICK(test, p, q) ((test) ? (p) : (q))
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
    for (; (p[0] & 0xffff) != M_END; p = next_run(p)) {
        has_failed = 0;
        if ((p[0] & 0xffff) == M_GRID)
            FOR(grid)(p, v);
        else if (!(p[0] & WIDE ? FOR(wide)(p, lists, v) : FOR(narrow)(p, v)))
            return 0;
        if (p[0] & MAY_RAISE && !ieee) {
            if (has_failed)
                return 0;
            for (const double *x = v + p[2], *end = x + p[1]; x < end; x++)
                if (!isfinite(*x))
                    return 0;
        }
    }
    return 1;
}

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
