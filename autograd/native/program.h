/* A machine: the code of a program, as autograd/program/schedule.py lays it out, run on doubles.

   The code is a stream of 32-bit words: runs of one op, each with the slots that its items read. What they compute goes
   to slots in a row. No item of a run reads another of it. Not a bit depends on that order: each item is computed as the
   op's float function computes it. */

enum { M_LT = N_OPS, M_LE, M_EQ, M_NE, M_BOTH, M_EITHER, M_OPPOSITE, M_CHOOSES, M_SELECT, M_DETACH, M_PAIRS, M_END };

static const char *const machine_ops[] = {"lt", "le", "eq", "ne", "both", "either", "opposite", "chooses", "select",
                                          "detach", "pairs", "end"};

typedef struct {
    PyObject_HEAD
    uint32_t *words;             /* the stream, then the slots of outputs, then those of conditions */
    double *wanted;              /* of each condition: the number that its slot must hold */
    double *slots;               /* of one run; constants stay in it */
    Py_ssize_t inputs, constants, size, length, outputs, conditions;
    int in_use, needs_python;
} Machine;

#define MAY_RAISE ((uint32_t)1 << 16)  /* in the first word of a run: a result that is not finite is for Python to judge */
#define LONG_RUN 50000                 /* words, from which on other threads may run meanwhile */

#define EACH(formula)                              \
    do {                                           \
        for (size_t i = 0; i < n; i++)             \
            to[i] = (formula);                     \
    } while (0)
#define A v[p[i]]
#define B v[p[n + i]]
#define C v[p[2 * n + i]]

/* Sums of `terms` terms, the j-th of the i-th item by a formula: eight items side by side, each in its own order. */
#define SUMS(start, first, terms, term)            \
    do {                                           \
        size_t begin = 0, j, i;                    \
        for (; begin + 8 <= n; begin += 8) {       \
            double sums[8];                        \
            for (j = 0, i = begin; i < begin + 8; i++) \
                sums[i - begin] = (start);         \
            for (j = first; j < terms; j++)        \
                for (i = begin; i < begin + 8; i++) \
                    sums[i - begin] += (term);     \
            memcpy(to + begin, sums, sizeof sums); \
        }                                          \
        for (i = begin; i < n; i++) {              \
            j = 0;                                 \
            double sum = (start);                  \
            for (j = first; j < terms; j++)        \
                sum += (term);                     \
            to[i] = sum;                           \
        }                                          \
    } while (0)

/* An op of any number of inputs, item by item. */
static int each_of_many(int op, const uint32_t *p, size_t n, size_t k, const double *v, double *to)
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

/* Fill the slots: 1 where all is well, 0 where Python has to look at it. */
static int run_stream(const uint32_t *p, double *restrict v, int ieee)
{
    for (;;) {
        const uint32_t word = p[0];
        const size_t n = p[1], k = p[3];
        const int op = (int)(word & 0xffff);
        double *restrict to = v + p[2];
        has_failed = 0;
        p += 4;
        switch (op) {
        case M_END: return 1;
        case OP_ADD: EACH(A + B); break;
        case OP_SUB: EACH(A - B); break;
        case OP_MUL: EACH(A * B); break;
        case OP_DIV: EACH(A / B); break;
        case OP_WHERE: EACH(f_where(A, B, C)); break;
        case M_SELECT: EACH(A != 0.0 ? B : C); break;
        case M_LT: EACH(A < B ? 1.0 : 0.0); break;
        case M_LE: EACH(A <= B ? 1.0 : 0.0); break;
        case M_EQ: EACH(A == B ? 1.0 : 0.0); break;
        case M_NE: EACH(A != B ? 1.0 : 0.0); break;
        case M_BOTH: EACH(A != 0.0 && B != 0.0 ? 1.0 : 0.0); break;
        case M_EITHER: EACH(A != 0.0 || B != 0.0 ? 1.0 : 0.0); break;
        case M_OPPOSITE: EACH(A == 0.0 ? 1.0 : 0.0); break;
        case M_CHOOSES: EACH(A >= 0.0 && A < B && A == floor(A) ? 1.0 : 0.0); break;
        case M_DETACH: EACH(A); break;
        case OP_COPYSIGN: /* a nan has a sign, which C and Python need not agree on: here it would be seen */
            for (size_t i = 0; i < n; i++)
                if (B != B)
                    return 0;
            EACH(copysign(A, B));
            break;
#define ONE(name, NAME) case OP_##NAME: EACH(f_##name(A)); break;
        FOR_UNARY(ONE)
#undef ONE
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
            if (op_rows[op].f2)
                EACH(op_rows[op].f2(A, B));
            else if (each_of_many(op, p, n, k, v, to) < 0)
                return 0;
        }
        p += n * k;
        if (word & MAY_RAISE && !ieee) {
            if (has_failed)
                return 0;
            for (size_t i = 0; i < n; i++)
                if (!isfinite(to[i]))
                    return 0;
        }
    }
}
#undef A
#undef B
#undef C

static PyTypeObject MachineType;

static void machine_dealloc(PyObject *self)
{
    Machine *m = (Machine *)self;
    PyMem_Free(m->words);
    PyMem_Free(m->wanted);
    PyMem_RawFree(m->slots);
    PyObject_Free(m);
}

static int words_of(PyObject *list, uint32_t *words)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        unsigned long word = PyLong_AsUnsignedLong(PyList_GET_ITEM(list, i));
        if (PyErr_Occurred())
            return -1;
        words[i] = (uint32_t)word;
    }
    return 0;
}

static int numbers_of(PyObject *list, double *numbers)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        numbers[i] = PyFloat_AsDouble(PyList_GET_ITEM(list, i));
        if (PyErr_Occurred())
            return -1;
    }
    return 0;
}

/* machine(inputs, constants, slots, stream, outputs, conditions, wanted): numbers how many inputs and slots there are,
   the others lists */
static PyObject *module_machine(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *constants, *stream, *outputs, *conditions, *wanted;
    Py_ssize_t inputs, size;
    if (!PyArg_ParseTuple(args, "nO!nO!O!O!O!", &inputs, &PyList_Type, &constants, &size, &PyList_Type, &stream,
                          &PyList_Type, &outputs, &PyList_Type, &conditions, &PyList_Type, &wanted))
        return NULL;
    Machine *m = PyObject_New(Machine, &MachineType);
    if (!m)
        return NULL;
    m->inputs = inputs;
    m->constants = PyList_GET_SIZE(constants);
    m->size = size;
    m->length = PyList_GET_SIZE(stream);
    m->outputs = PyList_GET_SIZE(outputs);
    m->conditions = PyList_GET_SIZE(conditions);
    m->in_use = m->needs_python = 0;
    m->words = PyMem_Malloc((m->length + m->outputs + m->conditions + 1) * sizeof(uint32_t));
    m->wanted = PyMem_Malloc((m->conditions + 1) * sizeof(double));
    m->slots = PyMem_RawMalloc((size + 1) * sizeof(double));
    if (!m->words || !m->wanted || !m->slots) {
        PyErr_NoMemory();
        goto failed;
    }
    if (words_of(stream, m->words) < 0 || words_of(outputs, m->words + m->length) < 0
        || words_of(conditions, m->words + m->length + m->outputs) < 0 || numbers_of(wanted, m->wanted) < 0
        || numbers_of(constants, m->slots + inputs) < 0)
        goto failed;
    for (const uint32_t *p = m->words; (p[0] & 0xffff) != M_END; p += 4 + (size_t)p[1] * p[3]) {
        int op = (int)(p[0] & 0xffff);
        m->needs_python |= op < N_OPS && !op_rows[op].in_c;
    }
    return (PyObject *)m;
failed:
    Py_DECREF(m);
    return NULL;
}

static double *aligned(double *room) { return room; }

/* The outputs, from slots in which the inputs stand: a new list, or `out` filled and Py_True. */
static PyObject *outputs_of(const Machine *m, double *slots, int ieee, double *out)
{
    int well;
    if (m->length > LONG_RUN && !m->needs_python) {
        Py_BEGIN_ALLOW_THREADS
        well = run_stream(m->words, slots, ieee);
        Py_END_ALLOW_THREADS
    }
    else
        well = run_stream(m->words, slots, ieee);
    if (raise_stopped() < 0)
        return NULL;
    if (!well)
        return Py_NewRef(Py_NotImplemented);
    const uint32_t *outputs = m->words + m->length, *conditions = outputs + m->outputs;
    for (Py_ssize_t i = 0; i < m->conditions; i++)
        if (slots[conditions[i]] != m->wanted[i])
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

/* machine.run(numbers, ieee): the outputs; None where a condition fails; NotImplemented where Python has to look at it.
   The numbers are a list of floats and Values. */
static PyObject *machine_run(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Machine *m = (Machine *)self;
    if (count != 2 || !PyList_CheckExact(args[0]) || PyList_GET_SIZE(args[0]) != m->inputs) {
        PyErr_Format(PyExc_TypeError, "machine.run(numbers, ieee) takes a list of %zd numbers", m->inputs);
        return NULL;
    }
    double *slots = m->slots;
    int borrowed = m->in_use, ieee = args[1] == Py_True;
    if (borrowed) {
        if (!(slots = PyMem_RawMalloc((m->size + 1) * sizeof(double))))
            return PyErr_NoMemory();
        memcpy(slots + m->inputs, m->slots + m->inputs, m->constants * sizeof(double));
    }
    else
        m->in_use = 1;
    PyObject *answer = NULL;
    for (Py_ssize_t i = 0; i < m->inputs; i++) {
        PyObject *x = PyList_GET_ITEM(args[0], i);
        if (IS_NODE(x))
            slots[i] = ((Node *)x)->data;
        else if (!plain(x, slots + i)) {
            PyErr_Format(PyExc_TypeError, "machine.run: %R is neither a float nor a Value", x);
            goto done;
        }
    }
    answer = outputs_of(m, slots, ieee, NULL);
done:
    if (borrowed)
        PyMem_RawFree(slots);
    else
        m->in_use = 0;
    return answer;
}

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
