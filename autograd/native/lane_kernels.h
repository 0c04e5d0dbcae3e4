/* What lanes.h runs, in one instruction set: included once for each, with CLONE(f) for its names, TARGET for its
   attribute, WIDTH for how many doubles a vector of its holds, and ROWS for how many rows fit into its registers. */

#if defined(__GNUC__)
typedef double CLONE(Vector) __attribute__((vector_size(8 * WIDTH)));
#else
typedef double CLONE(Vector);  /* WIDTH is 1 */
#endif
#define V CLONE(Vector)
#define PAIR (2 * WIDTH)       /* a tile is two vectors wide */
#define LOAD(to, from) memcpy(&(to), from, sizeof(V)) /* numbers of the caller's stand anywhere */
#define STORE(to, from) memcpy(to, &(from), sizeof(V))

/* A tile of a product of matrices: sum[r] = a[r][0] b[0] + a[r][1] b[1] + …, in that order, each b a row of PAIR numbers.
   With `add` the sums begin with what is there. Row j of b stands `stride` doubles after row j - 1, or where slots say. */
static ALWAYS_INLINE TARGET void CLONE(tile)(const int rows, const double *const *a, const double *b, size_t stride,
                                             const uint32_t *slots, size_t steps, double *to, size_t apart, int add)
{
    V sums[ROWS][2];
    size_t j = 0;
    if (add) {
        UNROLL
        for (int r = 0; r < rows; r++) {
            LOAD(sums[r][0], to + r * apart);
            LOAD(sums[r][1], to + r * apart + WIDTH);
        }
    }
    else {
        const double *at = slots ? b + slots[0] * stride : b;
        V left, right;
        LOAD(left, at);
        LOAD(right, at + WIDTH);
        UNROLL
        for (int r = 0; r < rows; r++) {
            sums[r][0] = left * a[r][0];
            sums[r][1] = right * a[r][0];
        }
        j = 1;
    }
    for (; j < steps; j++) {
        const double *at = b + (slots ? slots[j] : j) * stride;
        V left, right;
        LOAD(left, at);
        LOAD(right, at + WIDTH);
        UNROLL
        for (int r = 0; r < rows; r++) {
            sums[r][0] += left * a[r][j];
            sums[r][1] += right * a[r][j];
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        STORE(to + r * apart, sums[r][0]);
        STORE(to + r * apart + WIDTH, sums[r][1]);
    }
}

/* The same, each term itself a sum, of `few` products, added up first. b's next product stands `beside` doubles on. */
static ALWAYS_INLINE TARGET void CLONE(tile_of_sums)(const int rows, const double *const *a, size_t few, const double *b,
                                                     size_t stride, size_t beside, size_t steps, double *to,
                                                     size_t apart, int add)
{
    V sums[ROWS][2], terms[ROWS][2];
    UNROLL
    for (int r = 0; r < rows; r++) {
        LOAD(sums[r][0], to + r * apart);
        LOAD(sums[r][1], to + r * apart + WIDTH);
    }
    for (size_t j = 0; j < steps; j++) {
        const double *at = b + j * stride;
        V left, right;
        LOAD(left, at);
        LOAD(right, at + WIDTH);
        UNROLL
        for (int r = 0; r < rows; r++) {
            terms[r][0] = left * a[r * few][j];
            terms[r][1] = right * a[r * few][j];
        }
        for (size_t f = 1; f < few; f++) {
            V left, right;
            LOAD(left, at + f * beside);
            LOAD(right, at + f * beside + WIDTH);
            UNROLL
            for (int r = 0; r < rows; r++) {
                terms[r][0] += left * a[r * few + f][j];
                terms[r][1] += right * a[r * few + f][j];
            }
        }
        UNROLL
        for (int r = 0; r < rows; r++) {
            if (add || j) {
                sums[r][0] += terms[r][0];
                sums[r][1] += terms[r][1];
            }
            else {
                sums[r][0] = terms[r][0];
                sums[r][1] = terms[r][1];
            }
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        STORE(to + r * apart, sums[r][0]);
        STORE(to + r * apart + WIDTH, sums[r][1]);
    }
}

/* Rows of k weights that are the same in all lanes, times k numbers that are not. */
static TARGET void CLONE(weigh)(const double *weights, size_t n, size_t k, const uint32_t *slots, const double *v,
                                size_t stride, size_t lanes, double *to, int add)
{
    const double *a[ROWS];
    for (size_t i = 0; i < n; i += ROWS) {
        const size_t rows = n - i < ROWS ? n - i : ROWS;
        for (size_t r = 0; r < rows; r++)
            a[r] = weights + (i + r) * k;
        for (size_t l = 0; l < lanes; l += PAIR) {
            if (rows == ROWS)
                CLONE(tile)(ROWS, a, v + l, stride, slots, k, to + i * stride + l, stride, add);
            else
                for (size_t r = 0; r < rows; r++)
                    CLONE(tile)(1, a + r, v + l, stride, slots, k, to + (i + r) * stride + l, stride, add);
        }
    }
}

/* Sums over m lanes: each row's number times each of PANEL columns', which stand in b, lane by lane. */
static TARGET void CLONE(outer)(const double *const *a, size_t rows, size_t few, const double *b, size_t stride,
                                size_t beside, size_t m, double *to, size_t apart, int add)
{
    for (size_t c = 0; c < PANEL; c += PAIR) {
        size_t i = 0;
        if (few == 1)
            for (; i + ROWS <= rows; i += ROWS)
                CLONE(tile)(ROWS, a + i, b + c, stride, NULL, m, to + i * apart + c, apart, add);
        else
            for (; i + ROWS / 2 <= rows; i += ROWS / 2)
                CLONE(tile_of_sums)(ROWS / 2, a + i * few, few, b + c, stride, beside, m, to + i * apart + c, apart, add);
        for (; i < rows; i++) {
            if (few == 1)
                CLONE(tile)(1, a + i, b + c, stride, NULL, m, to + i * apart + c, apart, add);
            else
                CLONE(tile_of_sums)(1, a + i * few, few, b + c, stride, beside, m, to + i * apart + c, apart, add);
        }
    }
}

/* STEP lanes at a time, by way of an array of our own, which no other can overlap: so that vectors are made of it. */
#define LANES(formula)                                            \
        for (size_t l = 0; l < lanes; l += STEP) {                 \
            double made[STEP];                                    \
            for (size_t q = 0; q < STEP; q++)                     \
                made[q] = (formula);                              \
            memcpy(first + i * stride + l, made, sizeof made);    \
        }
#define SLOT(place) (v + p[(place) * n + i] * stride)
#define A a[l + q]
#define B b[l + q]
#define C c[l + q]
#define ONE(formula)                                              \
    for (size_t i = 0; i < n; i++) {                               \
        const double *a = SLOT(0);                                \
        LANES(formula)                                            \
    }                                                             \
    break
#define TWO(formula)                                              \
    for (size_t i = 0; i < n; i++) {                               \
        const double *a = SLOT(0), *b = SLOT(1);                  \
        LANES(formula)                                            \
    }                                                             \
    break
#define THREE(formula)                                            \
    for (size_t i = 0; i < n; i++) {                               \
        const double *a = SLOT(0), *b = SLOT(1), *c = SLOT(2);    \
        LANES(formula)                                            \
    }                                                             \
    break

/* Items of many inputs: made[q] begins with `begin`, of a and b, then goes on with each j from `from` on. */
#define FOLD(begin, from, terms, left, right, more)               \
    for (size_t i = 0; i < n; i++)                                 \
        for (size_t l = 0; l < lanes; l += STEP) {                 \
            double made[STEP];                                    \
            size_t j = 0;                                         \
            const double *a = SLOT(left), *b = SLOT(right);       \
            (void)b;                                              \
            for (size_t q = 0; q < STEP; q++)                     \
                made[q] = (begin);                                \
            for (j = from; j < (terms); j++) {                     \
                a = SLOT(left), b = SLOT(right);                  \
                for (size_t q = 0; q < STEP; q++)                 \
                    made[q] = (more);                             \
            }                                                     \
            memcpy(first + i * stride + l, made, sizeof made);    \
        }                                                         \
    break

/* A run of one op where it pays to have it in this instruction set: 1; else 0. */
static TARGET int CLONE(run)(int op, const uint32_t *p, size_t n, size_t k, const double *v, double *first,
                             size_t stride, size_t lanes)
{
    switch (op) {
    case OP_ADD: TWO(A + B);
    case OP_SUB: TWO(A - B);
    case OP_MUL: TWO(A * B);
    case OP_DIV: TWO(A / B);
    case OP_POS: ONE(A);
    case OP_NEG: ONE(-A);
    case OP_RELU: ONE(A <= 0.0 ? 0.0 : A);
    case OP_WHERE:
    case M_SELECT: THREE(chosen(A, B, C));
    case M_LT: TWO(A < B ? 1.0 : 0.0);
    case M_LE: TWO(A <= B ? 1.0 : 0.0);
    case M_EQ: TWO(A == B ? 1.0 : 0.0);
    case M_NE: TWO(A != B ? 1.0 : 0.0);
    case M_BOTH: TWO((A != 0.0) & (B != 0.0) ? 1.0 : 0.0);
    case M_EITHER: TWO((A != 0.0) | (B != 0.0) ? 1.0 : 0.0);
    case M_OPPOSITE: ONE(A == 0.0 ? 1.0 : 0.0);
    case OP_PEAK: FOLD(A, 1, k, j, 0, A > made[q] ? A : made[q]);
    case OP_SUM: FOLD(A, 1, k, j, 0, made[q] + A);
    case OP_DOT: FOLD(A * B, 1, k / 2, j, k / 2 + j, made[q] + A * B);
    case M_PAIRS: { /* a number to start with, factors, then their partners */
        const uint32_t *starts = p;
        p += n;
        FOLD(v[starts[i] * stride + l + q], 0, k / 2, j, k / 2 + j, made[q] + A * B);
    }
    default: return 0;
    }
    return 1;
}

#undef V
#undef PAIR
#undef LOAD
#undef STORE
#undef LANES
#undef SLOT
#undef A
#undef B
#undef C
#undef ONE
#undef TWO
#undef THREE
#undef FOLD
#undef CLONE
#undef TARGET
#undef WIDTH
#undef ROWS
