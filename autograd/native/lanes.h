/* Programs on many samples at once: the same op for all samples of a block, each sample a lane.

   autograd/program/lanes.py lays the code out: a stream of 32-bit words, as program.h has it, whose slots are rows of
   `stride` doubles, one a lane. Numbers that are the same for all samples stand outside, in `uniform`. Two kinds of runs
   are products of matrices: weights times lanes, and the outer products that gradients of weights are, summed over
   lanes. A lane has the bits of the scalar program. Sums over samples begin with the first and add the others in their
   order, so they depend neither on how wide blocks or vectors are, nor on what the processor is. */

#include "clones.h"

/* Runs of program.h, n items of k inputs: op | MAY_RAISE, n, first slot, k, inputs. And these, of the same length: */
enum {
    L_WEIGH = 512,  /* n rows of weights times k numbers, to slots in a row: where the weights stand among those packed,
                       whether the sums begin with what the slots hold, and the slots of the k */
    L_OUTER,        /* n rows times k columns, each a sum of `few` products: few, slots of rows, slots of columns */
    L_TOTAL,        /* n sums over samples: slots */
    L_KEEP,         /* n numbers of each sample: slots */
    L_LOG_SOFTMAX,  /* of an index, the largest number, all numbers, exp(number - largest) of all */
    L_SOFTMAX,      /* the same */
    L_END,
};                  /* of L_OUTER and L_TOTAL the third word says where the sums begin, of L_KEEP where in a sample's row */

static const char *const lane_ops[] = {"weigh", "outer", "total", "keep", "log_softmax of", "softmax of", "end of lanes"};

#define PANEL 16    /* columns at a time in an outer product */
#define STEP 16     /* lanes at a time elsewhere; a block has a multiple of it */
#if defined(__GNUC__) && !defined(__clang__)
#define UNROLL _Pragma("GCC unroll 8")
#else
#define UNROLL
#endif

/* A select; both sides are loaded first, so that no branch is needed. */
static ALWAYS_INLINE double chosen(double test, double p, double q)
{
    return test != 0.0 ? p : q;
}

#define CLONE(name) name##_common
#define TARGET
#if defined(__GNUC__)
#define WIDTH 2
#else
#define WIDTH 1
#endif
#define ROWS 4
#include "lane_kernels.h"
#if OFFERS_CLONES
#define CLONE(name) name##_v3
#define TARGET TARGET_V3
#define WIDTH 4
#define ROWS 4
#include "lane_kernels.h"
#define CLONE(name) name##_v4
#define TARGET TARGET_V4
#define WIDTH 8
#define ROWS 8
#include "lane_kernels.h"
#endif

typedef struct {
    void (*weigh)(const double *, size_t, size_t, const uint32_t *, const double *, size_t, size_t, double *, int);
    void (*outer)(const double *const *, size_t, size_t, const double *, size_t, size_t, size_t, double *, size_t, int);
    int (*run)(int, const uint32_t *, size_t, size_t, const double *, double *, size_t, size_t);
} Kernels;

static const Kernels kernels[] = {
    {weigh_common, outer_common, run_common},
#if OFFERS_CLONES
    {weigh_v3, outer_v3, run_v3},
    {weigh_v4, outer_v4, run_v4},
#endif
};

typedef struct {
    PyObject_HEAD
    uint32_t *words;             /* the stream, then where packed weights, splats, conditions and results come from */
    double *wanted, *constants;  /* of each condition the number; uniform numbers that are fixed */
    double *memory;              /* of one call: see Room */
    const double **pointers;
    Py_ssize_t inputs, given, fixed, slots, block, sums, panel, most;
    Py_ssize_t length, packed, splats, conditions, results, outputs, weights;
    int in_use, needs_python, keeps, clone;
} Lanes;

typedef struct {                 /* where a call works, and what on */
    double *uniform, *packed, *sums, *panel, *v;
    const double **pointers;
    size_t stride;               /* between slots: the lanes of a block */
    int ieee;
} Room;

typedef struct {                 /* numbers of one argument, sample by sample */
    const double *numbers;
    size_t width, first;         /* how many a sample, and the slot of the first */
} Column;

/* An op that gains nothing from an instruction set: 1 where all is well, 0 where Python has to look. */
static int run_each(int op, const uint32_t *p, size_t n, size_t k, const double *v, double *first, size_t stride, size_t m)
{
#define ALL(formula)                                    \
    for (size_t i = 0; i < n; i++) {                     \
        double *to = first + i * stride;                \
        const double *a = v + p[i] * stride, *b = v + p[(k > 1 ? n : 0) + i] * stride; \
        (void)b;                                        \
        for (size_t l = 0; l < m; l++)                  \
            to[l] = (formula);                          \
    }                                                   \
    break
    switch (op) {
#define CASE(name, NAME) case OP_##NAME: ALL(f_##name(a[l]));
    FOR_UNARY(CASE)
#undef CASE
    case OP_POW: ALL(f_pow(a[l], b[l]));
    case M_DETACH: ALL(a[l]);
    case M_CHOOSES: ALL(a[l] >= 0.0 && a[l] < b[l] && a[l] == floor(a[l]) ? 1.0 : 0.0);
    case OP_COPYSIGN: /* a nan has a sign, which C and Python need not agree on: here it would be seen */
        for (size_t i = 0; i < n; i++)
            for (size_t l = 0; l < m; l++)
                if (isnan(v[p[n + i] * stride + l]))
                    return 0;
        ALL(copysign(a[l], b[l]));
    default:
        if (op_rows[op].f2) {
            ALL(op_rows[op].f2(a[l], b[l]));
        }
        double few[FEW], *x = k > FEW ? PyMem_RawMalloc(k * sizeof(double)) : few;
        if (!x)
            return 0;
        for (size_t i = 0; i < n; i++)
            for (size_t l = 0; l < m; l++) {
                for (size_t j = 0; j < k; j++)
                    x[j] = v[p[j * n + i] * stride + l];
                first[i * stride + l] = op_rows[op].fn(x, (Py_ssize_t)k);
            }
        if (x != few)
            PyMem_RawFree(x);
    }
#undef ALL
    return 1;
}

/* softmax and log_softmax, as numerics.h has them, of exps that are there already; their inputs are as L_SOFTMAX has them. */
static void run_softmax(int log_of, const uint32_t *p, size_t n, size_t k, const double *v, double *first, size_t stride,
                        size_t m)
{
    const Py_ssize_t count = (Py_ssize_t)(k - 2) / 2;
#define AT(j) v[p[(size_t)(j) * n + i] * stride + l]
    for (size_t i = 0; i < n; i++)
        for (size_t l = 0; l < m; l++) {
            const double index = AT(0), top = AT(1);
            const int there = index > -(double)(count + 1) && index < (double)count;
            const Py_ssize_t at = there ? (Py_ssize_t)index : 0, place = at < 0 ? at + count : at;
            const double chosen = there && place >= 0 ? AT(2 + place) : NAN;
            const int leave_out = log_of && chosen == top && (double)at == index;
            double total = 0.0;
            for (Py_ssize_t j = 0; j < count; j++)
                if (!leave_out || j != at)
                    total += AT(2 + count + j);
            first[i * stride + l] = !log_of ? (there && place >= 0 ? AT(2 + count + place) : NAN) / total
                                    : chosen == top ? 0.0 - log1p(total) : (chosen - top) - log(total);
        }
#undef AT
}

/* Add m lanes of slots to sums, or begin these with the first lane's. */
static void run_total(const uint32_t *p, size_t n, const double *v, size_t stride, size_t m, double *sums, int add)
{
    for (size_t i = 0; i < n; i += 8) {
        const size_t some = n - i < 8 ? n - i : 8;
        const double *at[8];
        double sum[8];
        for (size_t r = 0; r < 8; r++) {
            at[r] = v + p[i + (r < some ? r : 0)] * stride;
            sum[r] = add ? sums[i + (r < some ? r : 0)] : at[r][0];
        }
        for (size_t l = !add; l < m; l++) {
            UNROLL
            for (size_t r = 0; r < 8; r++)
                sum[r] += at[r][l];
        }
        memcpy(sums + i, sum, some * sizeof *sum);
    }
}

/* The numbers of m samples, from one row a sample to one row of lanes a number. */
static void load(const Column *column, size_t at, size_t m, double *v, size_t stride)
{
    const size_t width = column->width;
    const double *from = column->numbers + at * width;
    double *to = v + column->first * stride;
    size_t j = 0;
    for (; j + 8 <= width; j += 8)
        for (size_t l = 0; l < m; l++) {
            UNROLL
            for (size_t r = 0; r < 8; r++)
                to[(j + r) * stride + l] = from[l * width + j + r];
        }
    for (; j < width; j++)
        for (size_t l = 0; l < m; l++)
            to[j * stride + l] = from[l * width + j];
}

/* Numbers to one row, from runs of them: pairs of a place and how many there are. */
static void gather(const uint32_t *runs, Py_ssize_t n, const double *from, double *to)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        const uint32_t length = runs[2 * i + 1];
        if (length == 1)
            *to = from[runs[2 * i]];
        else
            memcpy(to, from + runs[2 * i], length * sizeof *to);
        to += length;
    }
}

/* Outer products, PANEL columns at a time: these are put side by side, lane by lane, where a column's data don't stand so. */
static void run_outer(const Kernels *clone, const uint32_t *p, size_t n, size_t k, const Room *room, const Column *columns,
                      size_t inputs, size_t at, size_t m, double *sums)
{
    const size_t few = p[0], stride = room->stride, apart = (k + PANEL - 1) / PANEL * PANEL;
    const uint32_t *rows = p + 1, *slots = rows + n * few;
    for (size_t i = 0; i < n * few; i++)
        room->pointers[i] = room->v + rows[i] * stride;
    for (size_t c = 0; c < k; c += PANEL) {
        const size_t some = k - c < PANEL ? k - c : PANEL;
        const double *panel = room->panel;
        size_t beside = PANEL;
        int side_by_side = few == 1 && some == PANEL && slots[c + PANEL - 1] < inputs;
        for (size_t j = 1; j < PANEL && side_by_side; j++)
            side_by_side = slots[c + j] == slots[c] + j;
        if (side_by_side) {
            const Column *column = columns;
            while (slots[c] >= column->first + column->width)
                column++;
            side_by_side = slots[c] + PANEL <= column->first + column->width;
            panel = column->numbers + at * column->width + (slots[c] - column->first);
            beside = column->width;
        }
        if (!side_by_side) {
            panel = room->panel;
            beside = PANEL;
            for (size_t f = 0; f < few; f++)
                for (size_t j = 0; j < some; j++) {
                    const double *from = room->v + slots[f * k + c + j] * stride;
                    double *to = room->panel + f * stride * PANEL + j;
                    for (size_t l = 0; l < m; l++)
                        to[l * PANEL] = from[l];
                }
        }
        clone->outer(room->pointers, n, few, panel, beside, stride * PANEL, m, sums + c, apart, at > 0);
    }
}

/* A block of m samples from the one at `at` on: 1 where all is well, 0 where Python has to look at it. */
static int run_block(const Lanes *o, const Room *room, const Column *columns, Py_ssize_t many, size_t at, size_t m,
                     double *kept)
{
    const Kernels *clone = &kernels[o->clone];
    const size_t stride = room->stride, lanes = (m + STEP - 1) / STEP * STEP;
    double *v = room->v;
    for (Py_ssize_t c = 0; c < many; c++)
        load(&columns[c], at, m, v, stride);
    for (const uint32_t *p = o->words;;) {
        const uint32_t word = p[0];
        const size_t n = p[1], k = p[3];
        const int op = (int)(word & 0xffff);
        double *first = v + p[2] * stride, *sums = room->sums + p[2];
        size_t length = n * k;
        has_failed = 0;
        p += 4;
        switch (op) {
        case L_END:
            for (Py_ssize_t i = 0; i < o->conditions; i++) {
                const double *slot = v + o->words[o->length + 2 * (o->packed + o->splats) + i] * stride;
                for (size_t l = 0; l < m; l++)
                    if (slot[l] != o->wanted[i])
                        return 0;
            }
            return 1;
        case L_WEIGH:
            clone->weigh(room->packed + p[0], n, k, p + 2, v, stride, lanes, first, (int)p[1]);
            length = 2 + k;
            break;
        case L_OUTER:
            run_outer(clone, p, n, k, room, columns, (size_t)o->inputs, at, m, sums);
            length = 1 + p[0] * (n + k);
            break;
        case L_TOTAL: run_total(p, n, v, stride, m, sums, at > 0); break;
        case L_KEEP:
            for (size_t i = 0; i < n; i++)
                for (size_t l = 0; l < m; l++)
                    kept[(at + l) * (size_t)o->sums + (size_t)(sums - room->sums) + i] = v[p[i] * stride + l];
            break;
        case L_LOG_SOFTMAX:
        case L_SOFTMAX: run_softmax(op == L_LOG_SOFTMAX, p, n, k, v, first, stride, m); break;
        default:
            if (!clone->run(op, p, n, k, v, first, stride, lanes) && !run_each(op, p, n, k, v, first, stride, m))
                return 0;
        }
        p += length;
        if (word & MAY_RAISE && !room->ieee) {
            if (has_failed)
                return 0;
            for (size_t i = 0; i < n; i++)
                for (size_t l = 0; l < m; l++)
                    if (!isfinite(first[i * stride + l]))
                        return 0;
        }
    }
}

static PyTypeObject LanesType;

static void lanes_dealloc(PyObject *self)
{
    Lanes *o = (Lanes *)self;
    PyMem_Free(o->words);
    PyMem_Free(o->wanted);
    PyMem_RawFree(o->memory);
    PyMem_RawFree(o->pointers);
    PyObject_Free(o);
}

#define ALIGNED(n) (((size_t)(n) + 7) & ~(size_t)7)

/* How many doubles a call needs, and where each part of them begins; room for as many samples as a block has. */
static size_t divide(const Lanes *o, double *memory, Room *room)
{
    const size_t sizes[] = {ALIGNED(o->given + o->fixed), ALIGNED(o->weights), ALIGNED(o->sums + PANEL),
                            ALIGNED(o->panel * PANEL * o->block), ALIGNED(o->slots * o->block)};
    double **parts[] = {&room->uniform, &room->packed, &room->sums, &room->panel, &room->v};
    size_t all = 0;
    for (int i = 0; i < 5; i++) {
        if (memory)
            *parts[i] = (double *)(((uintptr_t)memory + 63) & ~(uintptr_t)63) + all;
        all += sizes[i];
    }
    return all + 8;
}

static int make_room(const Lanes *o, double **memory, const double ***pointers)
{
    Room room;
    *memory = PyMem_RawCalloc(divide(o, NULL, &room), sizeof(double));
    *pointers = PyMem_RawCalloc(o->most + 1, sizeof(double *));
    return *memory && *pointers ? 0 : -1;
}

/* lanes(inputs, given, slots, block, sums, panel, most, keeps, clone, constants, stream, packed, splats, conditions,
   wanted, results, used): how many inputs vary, how many uniform numbers are given, slots, lanes in a block, sums, most
   products in a term of an outer product, most pointers for one; whether results are each sample's; which instruction
   set; then lists, of them packed and results as gather has them, splats a slot and a uniform number's place in turn, and
   used the numbers of the ops. */
static PyObject *module_lanes(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *constants, *stream, *packed, *splats, *conditions, *wanted, *results, *used;
    Py_ssize_t inputs, given, slots, block, sums, panel, most;
    int keeps, clone;
    if (!PyArg_ParseTuple(args, "nnnnnnnpiO!O!O!O!O!O!O!O!:lanes", &inputs, &given, &slots, &block, &sums, &panel, &most,
                          &keeps, &clone, &PyList_Type, &constants, &PyList_Type, &stream, &PyList_Type, &packed,
                          &PyList_Type, &splats, &PyList_Type, &conditions, &PyList_Type, &wanted, &PyList_Type,
                          &results, &PyList_Type, &used))
        return NULL;
    Lanes *o = PyObject_New(Lanes, &LanesType);
    if (!o)
        return NULL;
    o->inputs = inputs, o->given = given, o->slots = slots, o->block = block, o->sums = sums, o->panel = panel;
    o->most = most, o->keeps = keeps, o->clone = clone, o->in_use = o->needs_python = 0;
    o->fixed = PyList_GET_SIZE(constants), o->length = PyList_GET_SIZE(stream), o->packed = PyList_GET_SIZE(packed) / 2;
    o->splats = PyList_GET_SIZE(splats) / 2, o->conditions = PyList_GET_SIZE(conditions);
    o->results = PyList_GET_SIZE(results) / 2;
    o->memory = NULL, o->pointers = NULL;
    o->words = PyMem_Malloc((o->length + 2 * (o->packed + o->splats + o->results) + o->conditions + 1) * sizeof(uint32_t));
    o->wanted = PyMem_Malloc((o->conditions + o->fixed + 1) * sizeof(double));
    o->constants = o->wanted + o->conditions;
    if (!o->words || !o->wanted) {
        PyErr_NoMemory();
        goto failed;
    }
    uint32_t *words = o->words;
    PyObject *lists[] = {stream, packed, splats, conditions, results};
    for (int i = 0; i < 5; i++) {
        if (words_of(lists[i], &words) < 0)
            goto failed;
    }
    double *numbers = o->wanted;
    if (numbers_of(wanted, &numbers) < 0 || numbers_of(constants, &numbers) < 0)
        goto failed;
    o->outputs = 0;
    for (Py_ssize_t i = 0; i < o->results; i++)
        o->outputs += (Py_ssize_t)words[2 * (i - o->results) + 1];
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(used); i++) {
        long op = PyLong_AsLong(PyList_GET_ITEM(used, i));
        if (op == -1 && PyErr_Occurred())
            goto failed;
        o->needs_python |= op < N_OPS && !op_rows[op].in_c;
    }
    o->weights = 0;
    for (Py_ssize_t i = 0; i < o->packed; i++)
        o->weights += (Py_ssize_t)o->words[o->length + 2 * i + 1];
    if (make_room(o, &o->memory, &o->pointers) < 0) {
        PyErr_NoMemory();
        goto failed;
    }
    return (PyObject *)o;
failed:
    Py_DECREF(o);
    return NULL;
}

/* Divide by how many there are. Where that is a power of two, to multiply by its inverse gives the same bits. */
static void over(double *numbers, Py_ssize_t n, double count)
{
    int exponent;
    const int exact = frexp(count, &exponent) == 0.5;
    const double inverse = 1.0 / count;
    for (; n >= STEP; n -= STEP, numbers += STEP) {
        double made[STEP];
        if (exact)
            for (int i = 0; i < STEP; i++)
                made[i] = numbers[i] * inverse;
        else
            for (int i = 0; i < STEP; i++)
                made[i] = numbers[i] / count;
        memcpy(numbers, made, sizeof made);
    }
    for (Py_ssize_t i = 0; i < n; i++)
        numbers[i] /= count;
}

/* Every block of a call: 1 where all is well. */
static int run_blocks(const Lanes *o, Room *room, const Column *columns, Py_ssize_t many, size_t count, double *kept)
{
    const uint32_t *packed = o->words + o->length, *splats = packed + 2 * o->packed;
    gather(packed, o->packed, room->uniform, room->packed);
    for (Py_ssize_t i = 0; i < o->splats; i++)
        for (size_t l = 0; l < room->stride; l += STEP) {
            double same[STEP];
            for (int q = 0; q < STEP; q++)
                same[q] = room->uniform[splats[2 * i + 1]];
            memcpy(room->v + splats[2 * i] * room->stride + l, same, sizeof same);
        }
    for (size_t at = 0; at < count; at += room->stride)
        if (!run_block(o, room, columns, many, at, count - at < room->stride ? count - at : room->stride, kept))
            return 0;
    return 1;
}

/* The numbers of lists of floats and Values, and of buffers of doubles, one after the other: as many as there must be. */
static int read_given(PyObject *parts, double *to, Py_ssize_t left)
{
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(parts); k++) {
        PyObject *part = PyTuple_GET_ITEM(parts, k);
        if (PyList_CheckExact(part)) {
            Py_ssize_t n = PyList_GET_SIZE(part);
            PyObject *const *items = ((PyListObject *)part)->ob_item;
            for (Py_ssize_t i = 0; i < n && n <= left; i++)
                if (LIKELY(IS_NODE(items[i])))
                    to[i] = ((Node *)items[i])->data;
                else if (!plain(items[i], to + i)) {
                    PyErr_Format(PyExc_TypeError, "lanes.run: %R is neither a float nor a Value", items[i]);
                    return -1;
                }
            to += n;
            left -= n;
        }
        else {
            Py_buffer view;
            if (PyObject_GetBuffer(part, &view, PyBUF_C_CONTIGUOUS) < 0)
                return -1;
            left -= view.len / (Py_ssize_t)sizeof(double);
            if (left >= 0)
                memcpy(to, view.buf, (size_t)view.len);
            to += view.len / (Py_ssize_t)sizeof(double);
            PyBuffer_Release(&view);
        }
        if (left < 0)
            break;
    }
    if (left)
        PyErr_Format(PyExc_ValueError, "lanes.run: %zd uniform numbers %s", left < 0 ? -left : left,
                     left < 0 ? "too many" : "are missing");
    return left ? -1 : 0;
}

#define MOST_COLUMNS 32

/* lanes.run(given, columns, count, mean, ieee): the results as the bytes of doubles, those of each sample one after the
   other, or their sums, or these over how many samples there are; None where Python has to look at it. Given is what
   read_given takes; a column is a buffer of doubles, as many for each sample. */
static PyObject *lanes_run(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Lanes *o = (Lanes *)self;
    if (n != 5 || !PyTuple_CheckExact(args[0]) || !PyTuple_CheckExact(args[1])
        || PyTuple_GET_SIZE(args[1]) > MOST_COLUMNS) {
        PyErr_Format(PyExc_TypeError, "lanes.run(given, columns, count, mean, ieee) takes at most %d columns", MOST_COLUMNS);
        return NULL;
    }
    const Py_ssize_t many = PyTuple_GET_SIZE(args[1]), count = PyLong_AsSsize_t(args[2]);
    if (count < 1) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "lanes.run: no samples");
        return NULL;
    }
    double *memory = o->memory;
    const double **pointers = o->pointers;
    const int borrowed = o->in_use;
    PyObject *answer = NULL;
    Py_buffer views[MOST_COLUMNS];
    Column columns[MOST_COLUMNS];
    Py_ssize_t open = 0;
    Room room;
    if (borrowed && make_room(o, &memory, &pointers) < 0) {
        PyErr_NoMemory();
        goto done;
    }
    o->in_use = 1;
    divide(o, memory, &room);
    room.pointers = pointers;
    room.ieee = args[4] == Py_True;
    room.stride = (size_t)(count < o->block ? (count + STEP - 1) / STEP * STEP : o->block);
    for (size_t first = 0; open < many;) {
        Py_buffer *view = &views[open];
        if (PyObject_GetBuffer(PyTuple_GET_ITEM(args[1], open), view, PyBUF_C_CONTIGUOUS) < 0)
            goto done;
        Column *column = &columns[open++];
        column->numbers = view->buf;
        column->width = (size_t)view->len / sizeof(double) / (size_t)count;
        column->first = first;
        first += column->width;
        if (view->len != (Py_ssize_t)(column->width * sizeof(double)) * count || (open == many && first != (size_t)o->inputs)) {
            PyErr_Format(PyExc_ValueError, "lanes.run: columns of %zd samples must have %zd numbers a sample", count, o->inputs);
            goto done;
        }
    }
    if (read_given(args[0], room.uniform, o->given) < 0)
        goto done;
    memcpy(room.uniform + o->given, o->constants, o->fixed * sizeof(double));
    PyObject *found = PyBytes_FromStringAndSize(NULL, o->outputs * (o->keeps ? count : 1) * (Py_ssize_t)sizeof(double));
    if (!found)
        goto done;
    double *to = (double *)PyBytes_AS_STRING(found);
    int well;
    if (!o->needs_python && o->length * count > LONG_RUN) {
        Py_BEGIN_ALLOW_THREADS
        well = run_blocks(o, &room, columns, many, (size_t)count, to);
        Py_END_ALLOW_THREADS
    }
    else
        well = run_blocks(o, &room, columns, many, (size_t)count, to);
    if (raise_stopped() < 0 || !well) {
        Py_DECREF(found);
        answer = PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
        goto done;
    }
    if (!o->keeps) {
        const uint32_t *from = o->words + o->length + 2 * (o->packed + o->splats) + o->conditions;
        gather(from, o->results, room.sums, to);
        if (args[3] == Py_True)
            over(to, o->outputs, (double)count);
    }
    answer = found;
done:
    while (open > 0)
        PyBuffer_Release(&views[--open]);
    if (borrowed) {
        PyMem_RawFree(memory);
        PyMem_RawFree((void *)pointers);
    }
    else
        o->in_use = 0;
    return answer;
}

/* lane_ops(): the op numbers of lanes' own, by name; and the names of the instruction sets that are there */
static PyObject *module_lane_ops(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    PyObject *numbers = PyDict_New(), *sets = PyList_New(0);
    for (int op = L_WEIGH; numbers && op <= L_END; op++) {
        PyObject *number = PyLong_FromLong(op);
        if (!number || PyDict_SetItemString(numbers, lane_ops[op - L_WEIGH], number) < 0)
            Py_CLEAR(numbers);
        Py_XDECREF(number);
    }
    for (int clone = 0; sets && clone <= best_clone(); clone++) {
        PyObject *name = PyUnicode_FromString(clone_names[clone]);
        if (!name || PyList_Append(sets, name) < 0)
            Py_CLEAR(sets);
        Py_XDECREF(name);
    }
    return Py_BuildValue("NN", numbers, sets);
}

static PyMethodDef lanes_methods[] = {
    {"run", (PyCFunction)(void (*)(void))lanes_run, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject LanesType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "autograd.native._engine.Lanes",
    .tp_basicsize = sizeof(Lanes),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = lanes_dealloc,
    .tp_methods = lanes_methods,
};
