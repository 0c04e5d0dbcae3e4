/* A machine: the code of a program, as autograd/program/schedule.py lays it out, run on doubles.

   The code is a stream of 32-bit words. Each instruction fills slots in a row, none of which it reads:

     op, items, first slot, k, inputs …    A run of one op. The inputs are k lists of slots, one an item; where the op
                                           is marked WIDE, each is a stride and a first slot, or LISTED and where in
                                           `lists` its slots begin. Of a sum of products they are the number that it
                                           begins with (pairs; a dot has none), the left factors, the right factors.
     grid, rows, first slot, terms, columns, a, a's strides by row and by term, b, b's stride by term,
     whether there is a start, start, its strides by row and by column
                                           A product of two matrices: see stream.h.
     end, 0, 0, 0                          No items: there it ends.

   Not a bit depends on what stands beside what: each item is computed as the op's float function computes it, each
   sum in its own order. */

#include "clones.h"

enum { M_LT = N_OPS, M_LE, M_EQ, M_NE, M_BOTH, M_EITHER, M_OPPOSITE, M_CHOOSES, M_SELECT, M_DETACH, M_PAIRS, M_GRID,
       M_FAST_EXP, M_FAST_LOG, M_FAST_TANH, M_FAST_SECH2, M_FAST_SIGMOID, M_FAST_SIGMOID_SLOPE, M_END };

static const char *const machine_ops[] = {"lt", "le", "eq", "ne", "both", "either", "opposite", "chooses", "select",
                                          "detach", "pairs", "grid", "fast exp", "fast log", "fast tanh", "fast sech2",
                                          "fast sigmoid", "fast sigmoid_slope", "end"};

typedef struct {
    PyObject_HEAD
    uint32_t *words;             /* the stream, then lists, the slots of constants, outputs and conditions */
    double *numbers;             /* the constants, then what the slots of conditions must hold */
    double *slots;               /* of one run; constants stay in it */
    Py_ssize_t inputs, size, length, lists, constants, outputs, conditions;
    int in_use, needs_python, is_long;
} Machine;

#define MAY_RAISE ((uint32_t)1 << 16)  /* in the first word: a result that is not finite is for Python to judge */
#define WIDE ((uint32_t)1 << 17)
#define LISTED ((uint32_t)-1)
#define LONG_RUN 20000                 /* terms and items, from which on other threads may run meanwhile */
enum { GRID_WORDS = 14, ALIGNMENT = 64, ROOM = 16 }; /* ROOM: slots behind the last, for what a vector writes there */

static const uint32_t *next_run(const uint32_t *p)
{
    if ((p[0] & 0xffff) == M_GRID)
        return p + GRID_WORDS;
    return p + 4 + (size_t)p[3] * (p[0] & WIDE ? 2 : p[1]);
}

/* Sums of `terms` terms, the j-th of the i-th item by a formula: four items side by side, each in its own order. */
#define SUMS(start, first, terms, term)               \
    do {                                              \
        size_t i = 0, j;                              \
        for (; i + 4 <= n; i += 4) {                  \
            double sums[4];                           \
            j = 0;                                    \
            sums[0] = (start), i++;                   \
            sums[1] = (start), i++;                   \
            sums[2] = (start), i++;                   \
            sums[3] = (start), i -= 3;                \
            for (j = first; j < terms; j++) {         \
                sums[0] += (term), i++;               \
                sums[1] += (term), i++;               \
                sums[2] += (term), i++;               \
                sums[3] += (term), i -= 3;            \
            }                                         \
            memcpy(to + i, sums, sizeof sums);        \
        }                                             \
        for (; i < n; i++) {                          \
            double sum = (start);                     \
            for (j = first; j < terms; j++)           \
                sum += (term);                        \
            to[i] = sum;                              \
        }                                             \
    } while (0)

/* An op of any number of inputs, item by item. */
static NOINLINE int each_of_many(int op, const uint32_t *p, size_t n, size_t k, const double *v, double *to)
{
    double few[FEW], *x = k > FEW ? PyMem_RawMalloc(k * sizeof(double)) : few;
    if (!x)
        return -1;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < k; j++)
            x[j] = v[p[j * n + i]];
        to[i] = op_rows[op].fn(x, (Py_ssize_t)k);
    }
    if (x != few)
        PyMem_RawFree(x);
    return 0;
}

static inline double chooses(double index, double n)
{
    return index >= 0.0 && index < n && index == floor(index) ? 1.0 : 0.0;
}

#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 28)
#define POW_IS_NEAR /* its error is known: e_pow.c says 0.54 ulp, of this version on */
#endif

/* ── The same for each instruction set ───────────────────────────────────────────────────────────────────── */

#if (defined(__GNUC__) || defined(__clang__)) && !defined(NO_VECTORS)
#define WIDTH 2
#else
#define WIDTH 1
#endif
#define FOR(name) name##_v1
#include "stream.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__)) && !defined(NO_VECTORS)
#define HAS_CLONES
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
#define WIDTH 4
#define FOR(name) name##_v3
#include "stream.h"
#ifdef __clang__
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx2,avx512f,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx2,avx512f,avx512dq,avx512vl")
#endif
#define WIDTH 8
#define FOR(name) name##_v4
#include "stream.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

typedef int (*RunStream)(const uint32_t *, const uint32_t *, double *, int);
static RunStream run_stream = run_stream_v1;

/* instruction_set(name): use this one, or with None the widest that the processor has; the names of those it has */
static PyObject *module_instruction_set(PyObject *Py_UNUSED(module), PyObject *name)
{
    struct { const char *name; RunStream run; int is_there; } sets[] = {
        {"baseline", run_stream_v1, 1},
#ifdef HAS_CLONES
        {"avx2", run_stream_v3, best_clone() >= CLONE_V3},
        {"avx512", run_stream_v4, best_clone() >= CLONE_V4},
#endif
    };
    PyObject *names = PyList_New(0);
    int found = 0;
    for (size_t i = 0; names && i < sizeof sets / sizeof *sets; i++) {
        PyObject *known = sets[i].is_there ? PyUnicode_FromString(sets[i].name) : NULL;
        if (known && (name == Py_None || PyUnicode_Compare(known, name) == 0)) {
            run_stream = sets[i].run;
            found = 1;
        }
        if (sets[i].is_there && (!known || PyList_Append(names, known) < 0))
            Py_CLEAR(names);
        Py_XDECREF(known);
    }
    if (names && !found) {
        PyErr_Format(PyExc_ValueError, "instruction_set(%R): this processor has %R", name, names);
        Py_CLEAR(names);
    }
    return names;
}

static PyTypeObject MachineType;

static void machine_dealloc(PyObject *self)
{
    Machine *m = (Machine *)self;
    PyMem_Free(m->words);
    PyMem_Free(m->numbers);
    PyMem_RawFree(m->slots);
    PyObject_Free(m);
}

static int words_of(PyObject *list, uint32_t **words)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        unsigned long word = PyLong_AsUnsignedLong(PyList_GET_ITEM(list, i));
        if (PyErr_Occurred())
            return -1;
        *(*words)++ = (uint32_t)word;
    }
    return 0;
}

static int numbers_of(PyObject *list, double **numbers)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        *(*numbers)++ = PyFloat_AsDouble(PyList_GET_ITEM(list, i));
        if (PyErr_Occurred())
            return -1;
    }
    return 0;
}

/* Where the slots begin in their room, so that vectors that are stored in them lie in one cache line each. */
static double *aligned(double *room)
{
    return (double *)(((uintptr_t)room + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1));
}

/* Room for the slots of a run, the constants in their places. */
static double *new_slots(const Machine *m)
{
    double *room = PyMem_RawCalloc((size_t)m->size + ROOM + ALIGNMENT / sizeof(double), sizeof(double));
    const uint32_t *places = m->words + m->length + m->lists;
    for (Py_ssize_t i = 0; room && i < m->constants; i++)
        aligned(room)[places[i]] = m->numbers[i];
    return room;
}

/* machine(inputs, slots, stream, lists, places, constants, outputs, conditions, wanted): numbers how many inputs and
   slots there are, the others lists; `places` are the slots of the constants */
static PyObject *module_machine(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *stream, *lists, *places, *constants, *outputs, *conditions, *wanted;
    Py_ssize_t inputs, size;
    if (!PyArg_ParseTuple(args, "nnO!O!O!O!O!O!O!", &inputs, &size, &PyList_Type, &stream, &PyList_Type, &lists,
                          &PyList_Type, &places, &PyList_Type, &constants, &PyList_Type, &outputs, &PyList_Type,
                          &conditions, &PyList_Type, &wanted))
        return NULL;
    Machine *m = PyObject_New(Machine, &MachineType);
    if (!m)
        return NULL;
    m->inputs = inputs;
    m->size = size;
    m->length = PyList_GET_SIZE(stream);
    m->lists = PyList_GET_SIZE(lists);
    m->constants = PyList_GET_SIZE(places);
    m->outputs = PyList_GET_SIZE(outputs);
    m->conditions = PyList_GET_SIZE(conditions);
    m->in_use = m->needs_python = 0;
    uint32_t *words = m->words = PyMem_Malloc((m->length + m->lists + m->constants + m->outputs + m->conditions + 1)
                                              * sizeof(uint32_t));
    double *numbers = m->numbers = PyMem_Malloc((m->constants + m->conditions + 1) * sizeof(double));
    m->slots = NULL;
    if (!words || !numbers) {
        PyErr_NoMemory();
        goto failed;
    }
    if (words_of(stream, &words) < 0 || words_of(lists, &words) < 0 || words_of(places, &words) < 0
        || words_of(outputs, &words) < 0 || words_of(conditions, &words) < 0 || numbers_of(constants, &numbers) < 0
        || numbers_of(wanted, &numbers) < 0)
        goto failed;
    if (!(m->slots = new_slots(m))) {
        PyErr_NoMemory();
        goto failed;
    }
    double work = 0.0;
    for (const uint32_t *p = m->words; (p[0] & 0xffff) != M_END; p = next_run(p)) {
        int op = (int)(p[0] & 0xffff);
        m->needs_python |= op < N_OPS && !op_rows[op].in_c;
        work += (double)p[1] * p[3] * (op == M_GRID ? p[4] : 1);
    }
    m->is_long = work > LONG_RUN;
    return (PyObject *)m;
failed:
    Py_DECREF(m);
    return NULL;
}

/* A number for each input: from doubles in a row, or from a list of floats and Values. */
static int inputs_of(const Machine *m, PyObject *given, double *slots)
{
    for (Py_ssize_t i = 0; i < m->inputs; i++) {
        PyObject *x = PyList_GET_ITEM(given, i);
        if (IS_NODE(x))
            slots[i] = ((Node *)x)->data;
        else if (!plain(x, slots + i)) {
            PyErr_Format(PyExc_TypeError, "machine.run: %R is neither a float nor a Value", x);
            return -1;
        }
    }
    return 0;
}

/* The outputs, from slots in which the inputs stand: a new list, or `out` filled and Py_True. */
static PyObject *outputs_of(const Machine *m, double *slots, int ieee, double *out)
{
    int well;
    if (m->is_long && !m->needs_python) {
        Py_BEGIN_ALLOW_THREADS
        well = run_stream(m->words, m->words + m->length, slots, ieee);
        Py_END_ALLOW_THREADS
    }
    else
        well = run_stream(m->words, m->words + m->length, slots, ieee);
    if (raise_stopped() < 0)
        return NULL;
    if (!well)
        return Py_NewRef(Py_NotImplemented);
    const uint32_t *outputs = m->words + m->length + m->lists + m->constants, *conditions = outputs + m->outputs;
    for (Py_ssize_t i = 0; i < m->conditions; i++)
        if (slots[conditions[i]] != m->numbers[m->constants + i])
            return Py_NewRef(Py_None);
    if (out) {
        for (Py_ssize_t i = 0; i < m->outputs; i++)
            out[i] = slots[outputs[i]];
        return Py_NewRef(Py_True);
    }
    PyObject *answer = PyList_New(m->outputs);
    for (Py_ssize_t i = 0; answer && i < m->outputs; i++) {
        PyObject *x = PyFloat_FromDouble(slots[outputs[i]]);
        if (!x)
            Py_CLEAR(answer);
        else
            PyList_SET_ITEM(answer, i, x);
    }
    return answer;
}

/* Run from doubles in a row, or from a list of floats and Values. */
static PyObject *run_from(Machine *m, const double *numbers, PyObject *given, int ieee, double *out)
{
    PyObject *answer = NULL;
    const int borrowed = m->in_use;
    double *room = borrowed ? new_slots(m) : m->slots;
    if (!room)
        return PyErr_NoMemory();
    double *slots = aligned(room);
    m->in_use = 1;
    if (numbers)
        memcpy(slots, numbers, (size_t)m->inputs * sizeof(double));
    if (numbers || inputs_of(m, given, slots) == 0)
        answer = outputs_of(m, slots, ieee, out);
    if (borrowed)
        PyMem_RawFree(room);
    else
        m->in_use = 0;
    return answer;
}

/* machine.run(numbers, ieee): the outputs; None where a condition fails; NotImplemented where Python has to look at it.
   The numbers are a list of floats and Values. */
static PyObject *machine_run(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Machine *m = (Machine *)self;
    if (count != 2 || !PyList_CheckExact(args[0]) || PyList_GET_SIZE(args[0]) != m->inputs) {
        PyErr_Format(PyExc_TypeError, "machine.run(numbers, ieee) takes a list of %zd numbers", m->inputs);
        return NULL;
    }
    return run_from(m, NULL, args[0], args[1] == Py_True, NULL);
}

/* A machine bound to two arrays, which its runs read and fill. */
typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    Machine *machine;
    PyObject *otherwise; /* called where the answer is not True */
    Py_buffer numbers, out;
} Bound;

static PyTypeObject BoundType;

static void bound_dealloc(PyObject *self)
{
    Bound *b = (Bound *)self;
    PyObject_GC_UnTrack(self);
    PyBuffer_Release(&b->numbers);
    PyBuffer_Release(&b->out);
    Py_XDECREF(b->machine);
    Py_XDECREF(b->otherwise);
    PyObject_GC_Del(b);
}

static int bound_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((Bound *)self)->otherwise);
    Py_VISIT(((Bound *)self)->numbers.obj);
    Py_VISIT(((Bound *)self)->out.obj);
    return 0;
}

static PyObject *bound_call(PyObject *self, PyObject *const *Py_UNUSED(args), size_t count, PyObject *names)
{
    Bound *b = (Bound *)self;
    if (PyVectorcall_NARGS(count) || (names && PyTuple_GET_SIZE(names))) {
        PyErr_SetString(PyExc_TypeError, "a bound program takes no arguments: it reads its array");
        return NULL;
    }
    PyObject *answer = run_from(b->machine, b->numbers.buf, NULL, mode_word & IEEE, b->out.buf);
    if (!answer)
        return NULL;
    Py_DECREF(answer);
    if (answer != Py_True)
        return PyObject_CallNoArgs(b->otherwise);
    Py_RETURN_NONE;
}

/* Doubles in a row that an object lends, so many of them. */
static int borrowed_doubles(PyObject *object, Py_buffer *view, int flags, Py_ssize_t count)
{
    if (PyObject_GetBuffer(object, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | flags) < 0)
        return -1;
    if (view->itemsize == sizeof(double) && view->len == count * view->itemsize && !strcmp(view->format, "d"))
        return 0;
    PyErr_Format(PyExc_TypeError, "%.100R is no array of %zd doubles", object, count);
    PyBuffer_Release(view);
    return -1;
}

/* machine.bound(numbers, out, otherwise): what runs the machine on one array of doubles and puts the outputs into
   another one, or calls `otherwise` where Python has to look at it. */
static PyObject *machine_bound(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Machine *m = (Machine *)self;
    Py_buffer numbers, out;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "machine.bound(numbers, out, otherwise)");
        return NULL;
    }
    if (borrowed_doubles(args[0], &numbers, 0, m->inputs) < 0)
        return NULL;
    if (borrowed_doubles(args[1], &out, PyBUF_WRITABLE, m->outputs) < 0) {
        PyBuffer_Release(&numbers);
        return NULL;
    }
    Bound *b = PyObject_GC_New(Bound, &BoundType);
    if (!b) {
        PyBuffer_Release(&numbers);
        PyBuffer_Release(&out);
        return NULL;
    }
    b->call = bound_call;
    b->machine = (Machine *)Py_NewRef(self);
    b->otherwise = Py_NewRef(args[2]);
    b->numbers = numbers;
    b->out = out;
    PyObject_GC_Track(b);
    return (PyObject *)b;
}

static PyTypeObject BoundType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "autograd.native._engine.Bound",
    .tp_basicsize = sizeof(Bound),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC,
    .tp_dealloc = bound_dealloc,
    .tp_traverse = bound_traverse,
    .tp_vectorcall_offset = offsetof(Bound, call),
    .tp_call = PyVectorcall_Call,
};

/* machine_ops(): the op numbers of a stream, by name */
static PyObject *module_machine_ops(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    PyObject *numbers = PyDict_New();
    for (int op = 0; numbers && op <= M_END; op++) {
        PyObject *number = PyLong_FromLong(op);
        if (!number || PyDict_SetItemString(numbers, op < N_OPS ? op_rows[op].name : machine_ops[op - N_OPS], number) < 0)
            Py_CLEAR(numbers);
        Py_XDECREF(number);
    }
    return numbers;
}

static PyMethodDef machine_methods[] = {
    {"run", (PyCFunction)(void (*)(void))machine_run, METH_FASTCALL, NULL},
    {"bound", (PyCFunction)(void (*)(void))machine_bound, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject MachineType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "autograd.native._engine.Machine",
    .tp_basicsize = sizeof(Machine),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = machine_dealloc,
    .tp_methods = machine_methods,
};
