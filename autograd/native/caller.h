/* What programs and compiled functions derive from: a call that is like the last one is answered here, every other one by
   `_call` or `_value_and_grad` in Python (program/caller.py is the reference).

   A call is like the last one where the arguments have the same structure and hold floats alone, no mode is on, and the
   variables around the function hold the same objects. Only so many calls are answered: the next audit is Python's. */

typedef struct {
    Machine *machine;          /* NULL: no call is answered here */
    PyObject *structure;       /* of the positional arguments, as program/arguments.py has it: a tuple */
    PyObject *derived;         /* by what there are derivatives: the structure of one argument, or a list of several's; None
                                  where the result is asked for alone */
    PyObject *checks;          /* a tuple: holder, key, what it held, holder … */
    PyObject *captured;        /* a tuple of Values, which are inputs too */
    Py_ssize_t left, used;     /* calls */
} Quick;

typedef struct {
    PyObject_HEAD
    Quick quick[2];            /* of calls, and of value_and_grad */
} Caller;

static PyObject *number_mark, *slow_names[2];

static void forget_quick(Quick *q)
{
    Machine *machine = q->machine;
    q->machine = NULL;
    Py_XDECREF(machine);
    Py_CLEAR(q->structure);
    Py_CLEAR(q->derived);
    Py_CLEAR(q->checks);
    Py_CLEAR(q->captured);
}

/* Whether x has the structure; its numbers go to *to. */
static int matches(PyObject *structure, PyObject *x, double **to)
{
    if (structure == number_mark) {
        if (!PyFloat_CheckExact(x))
            return 0;
        *(*to)++ = PyFloat_AS_DOUBLE(x);
        return 1;
    }
    if (!PyTuple_CheckExact(structure) || PyTuple_GET_SIZE(structure) < 2)
        return 0;
    PyTypeObject *kind = (PyTypeObject *)PyTuple_GET_ITEM(structure, 0);
    PyObject *rest = PyTuple_GET_ITEM(structure, 1);
    if (Py_TYPE(x) != kind)
        return 0;
    if (kind == &PyList_Type || kind == &PyTuple_Type) {
        Py_ssize_t n = PySequence_Fast_GET_SIZE(x);
        PyObject **items = PySequence_Fast_ITEMS(x);
        if (PyLong_CheckExact(rest)) {
            if (PyLong_AsSsize_t(rest) != n)
                return 0;
            double *at = *to;
            for (Py_ssize_t i = 0; i < n; i++) {
                if (!PyFloat_CheckExact(items[i]))
                    return 0;
                at[i] = PyFloat_AS_DOUBLE(items[i]);
            }
            *to = at + n;
            return 1;
        }
        if (!PyTuple_CheckExact(rest) || PyTuple_GET_SIZE(rest) != n)
            return 0;
        for (Py_ssize_t i = 0; i < n; i++)
            if (!matches(PyTuple_GET_ITEM(rest, i), items[i], to))
                return 0;
        return 1;
    }
    if (kind == &PyDict_Type && PyTuple_GET_SIZE(structure) == 3) {
        PyObject *parts = PyTuple_GET_ITEM(structure, 2), *key, *item;
        Py_ssize_t at = 0, i = 0, n = PyDict_GET_SIZE(x);
        if (!PyTuple_CheckExact(rest) || PyTuple_GET_SIZE(rest) != n)
            return 0;
        while (PyDict_Next(x, &at, &key, &item)) { /* no key is hashed: the same str, in the same order */
            PyObject *known = PyTuple_GET_ITEM(rest, i);
            int same = key == known || (PyUnicode_CheckExact(key) && PyUnicode_CheckExact(known)
                                        && PyUnicode_Compare(key, known) == 0);
            if (!same || !matches(PyTuple_GET_ITEM(parts, i), item, to))
                return 0;
            i++;
        }
        return 1;
    }
    if (kind == &PyLong_Type || kind == &PyBool_Type || kind == &PyUnicode_Type || x == Py_None)
        return x == rest || PyObject_RichCompareBool(x, rest, Py_EQ) == 1;
    return 0;
}

/* Derivatives in the structure of what they are by; None for what is no number. */
static PyObject *in_structure(PyObject *structure, const double **from)
{
    if (structure == number_mark)
        return PyFloat_FromDouble(*(*from)++);
    PyTypeObject *kind = (PyTypeObject *)PyTuple_GET_ITEM(structure, 0);
    PyObject *rest = PyTuple_GET_ITEM(structure, 1);
    if (kind == &PyDict_Type) {
        PyObject *parts = PyTuple_GET_ITEM(structure, 2), *made = PyDict_New();
        for (Py_ssize_t i = 0; made && i < PyTuple_GET_SIZE(rest); i++) {
            PyObject *item = in_structure(PyTuple_GET_ITEM(parts, i), from);
            if (!item || PyDict_SetItem(made, PyTuple_GET_ITEM(rest, i), item) < 0)
                Py_CLEAR(made);
            Py_XDECREF(item);
        }
        return made;
    }
    if (kind != &PyList_Type && kind != &PyTuple_Type)
        return Py_NewRef(Py_None);
    const int flat = PyLong_CheckExact(rest);
    Py_ssize_t n = flat ? PyLong_AsSsize_t(rest) : PyTuple_GET_SIZE(rest);
    PyObject *made = kind == &PyList_Type ? PyList_New(n) : PyTuple_New(n);
    for (Py_ssize_t i = 0; made && i < n; i++) {
        PyObject *item = flat ? PyFloat_FromDouble(*(*from)++) : in_structure(PyTuple_GET_ITEM(rest, i), from);
        if (!item)
            Py_CLEAR(made);
        else if (kind == &PyList_Type)
            PyList_SET_ITEM(made, i, item);
        else
            PyTuple_SET_ITEM(made, i, item);
    }
    return made;
}

/* Whether the variables around the function hold what they held. */
static int surroundings_are_the_same(PyObject *checks)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(checks); i += 3) {
        PyObject *holder = PyTuple_GET_ITEM(checks, i), *key = PyTuple_GET_ITEM(checks, i + 1), *now;
        if (PyCell_Check(holder))
            now = PyCell_GET(holder);
        else if (PyFunction_Check(holder))
            now = PyFunction_GET_DEFAULTS(holder);
        else
            now = PyDict_GetItem(holder, key);
        if (now != PyTuple_GET_ITEM(checks, i + 2))
            return 0;
    }
    return 1;
}

/* The answer; NULL without an error where Python is to give it. */
static PyObject *quick_answer(Quick *q, PyObject *const *args, Py_ssize_t n)
{
    Machine *m = q->machine;
    if (!m || mode_word || !q->left || n != PyTuple_GET_SIZE(q->structure) || m->in_use
        || !surroundings_are_the_same(q->checks))
        return NULL;
    double *slots = aligned(m->slots), *to = slots;
    for (Py_ssize_t i = 0; i < n; i++)
        if (!matches(PyTuple_GET_ITEM(q->structure, i), args[i], &to))
            return NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(q->captured); i++)
        *to++ = ((Node *)PyTuple_GET_ITEM(q->captured, i))->data;
    m->in_use = 1;
    Py_INCREF(m);   /* another thread may forget it during a long run */
    PyObject *structure = Py_NewRef(q->derived), *answer = NULL;
    double few[FEW], *outputs = m->outputs > FEW ? PyMem_Malloc(m->outputs * sizeof(double)) : few;
    PyObject *done = outputs ? outputs_of(m, slots, 0, outputs) : PyErr_NoMemory();
    if (done == Py_True) {
        const double *from = outputs + 1;
        q->left--;
        q->used++;
        if (structure == Py_None)
            answer = PyFloat_FromDouble(outputs[0]);
        else {
            PyObject *value = PyFloat_FromDouble(outputs[0]), *slopes = NULL;
            if (PyList_CheckExact(structure)) {
                slopes = PyTuple_New(PyList_GET_SIZE(structure));
                for (Py_ssize_t i = 0; slopes && i < PyList_GET_SIZE(structure); i++) {
                    PyObject *item = in_structure(PyList_GET_ITEM(structure, i), &from);
                    if (!item)
                        Py_CLEAR(slopes);
                    else
                        PyTuple_SET_ITEM(slopes, i, item);
                }
            }
            else
                slopes = in_structure(structure, &from);
            if (value && slopes)
                answer = PyTuple_Pack(2, value, slopes);
            Py_XDECREF(value);
            Py_XDECREF(slopes);
        }
    }
    Py_XDECREF(done);
    m->in_use = 0;
    if (outputs != few)
        PyMem_Free(outputs);
    Py_DECREF(structure);
    Py_DECREF(m);
    return answer;
}

static PyObject *caller_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    if (!kwargs || !PyDict_GET_SIZE(kwargs)) {
        PyObject *answer = quick_answer(((Caller *)self)->quick, ((PyTupleObject *)args)->ob_item, PyTuple_GET_SIZE(args));
        if (answer || PyErr_Occurred())
            return answer;
    }
    PyObject *slow = PyObject_GetAttr(self, slow_names[0]), *answer = slow ? PyObject_Call(slow, args, kwargs) : NULL;
    Py_XDECREF(slow);
    return answer;
}

static PyObject *caller_value_and_grad(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    if (!names) {
        PyObject *answer = quick_answer(((Caller *)self)->quick + 1, args, n);
        if (answer || PyErr_Occurred())
            return answer;
    }
    PyObject *slow = PyObject_GetAttr(self, slow_names[1]), *answer = slow ? PyObject_Vectorcall(slow, args, n, names) : NULL;
    Py_XDECREF(slow);
    return answer;
}

/* _quicken(which, machine, structure, derived, checks, captured, left) */
static PyObject *caller_quicken(PyObject *self, PyObject *args)
{
    int which;
    PyObject *machine, *structure, *derived, *checks, *captured;
    Py_ssize_t left;
    if (!PyArg_ParseTuple(args, "pO!O!OO!O!n", &which, &MachineType, &machine, &PyTuple_Type, &structure, &derived,
                          &PyTuple_Type, &checks, &PyTuple_Type, &captured, &left))
        return NULL;
    Quick *q = ((Caller *)self)->quick + which;
    forget_quick(q);
    q->structure = Py_NewRef(structure);
    q->derived = Py_NewRef(derived);
    q->checks = Py_NewRef(checks);
    q->captured = Py_NewRef(captured);
    q->left = left;
    q->used = 0;
    q->machine = (Machine *)Py_NewRef(machine);
    Py_RETURN_NONE;
}

/* _used(which): how many calls have been answered here; from now on none is */
static PyObject *caller_used(PyObject *self, PyObject *which)
{
    int index = PyObject_IsTrue(which);
    if (index < 0)
        return NULL;
    Quick *q = ((Caller *)self)->quick + index;
    Py_ssize_t used = q->used;
    forget_quick(q);
    q->used = 0;
    return PyLong_FromSsize_t(used);
}

static int caller_traverse(PyObject *self, visitproc visit, void *arg)
{
    for (int i = 0; i < 2; i++) {
        Quick *q = ((Caller *)self)->quick + i;
        Py_VISIT(q->structure);
        Py_VISIT(q->derived);
        Py_VISIT(q->checks);
        Py_VISIT(q->captured);
    }
    return 0;
}

static int caller_clear(PyObject *self)
{
    forget_quick(((Caller *)self)->quick);
    forget_quick(((Caller *)self)->quick + 1);
    return 0;
}

static void caller_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    caller_clear(self);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef caller_methods[] = {
    {"value_and_grad", (PyCFunction)(void (*)(void))caller_value_and_grad, METH_FASTCALL | METH_KEYWORDS,
     "The result, and its derivatives in the structure of the argument that `argnums` names, as floats."},
    {"_quicken", caller_quicken, METH_VARARGS, NULL},
    {"_used", caller_used, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject CallerType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "autograd.native._engine.Caller",
    .tp_basicsize = sizeof(Caller),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = PyType_GenericNew,
    .tp_dealloc = caller_dealloc,
    .tp_traverse = caller_traverse,
    .tp_clear = caller_clear,
    .tp_call = caller_call,
    .tp_methods = caller_methods,
};

/* caller(mark): the type; `mark` stands in a structure where a number is */
static PyObject *module_caller(PyObject *Py_UNUSED(module), PyObject *mark)
{
    Py_XSETREF(number_mark, Py_NewRef(mark));
    if (!slow_names[0] && (!(slow_names[0] = PyUnicode_InternFromString("_call"))
                           || !(slow_names[1] = PyUnicode_InternFromString("_value_and_grad"))))
        return NULL;
    return Py_NewRef((PyObject *)&CallerType);
}
