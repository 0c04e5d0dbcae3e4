/* Forward: an op computes a number and leaves a node. Whatever is out of the ordinary goes to Value._record in Python:
   inputs that are neither Values nor plain numbers, results that are not finite (where Python may have to raise). */

/* An ordinary number as a double: 1 if it is one, 0 if Python has to look at it. */
static inline int plain(PyObject *x, double *c)
{
    if (PyFloat_CheckExact(x)) {
        *c = PyFloat_AS_DOUBLE(x);
        return 1;
    }
    if (PyLong_CheckExact(x)) {
        int overflow;
        long long whole = PyLong_AsLongLongAndOverflow(x, &overflow);
        if (!overflow && -(1LL << 53) < whole && whole < 1LL << 53) {
            *c = (double)whole;
            return 1;
        }
    }
    return 0;
}

/* Where a finite result is all that is needed: IEEE mode changes nothing then, and no_grad makes a leaf of it. */
#define ORDINARY(data) (LIKELY(isfinite(data) && !(mode_word & (TRACE | RECORD))))

/* And where it is that and a row of a listing, as written here. */
#define RECORDED(data) (isfinite(data) && written && (mode_word & (TRACE | RECORD | NO_GRAD)) == RECORD)

static PyObject *apply(int op, PyObject *const *inputs, Py_ssize_t n);

static PyObject *careful(int op, PyObject *const *inputs, Py_ssize_t n)
{
    if (raise_stopped() < 0)
        return NULL;
    if (mode_word & RECORD) {
        PyObject *answer = apply(op, inputs, n);
        if (answer || PyErr_Occurred())
            return answer;
    }
    PyObject *given = PyTuple_New(n);
    if (!given)
        return NULL;
    for (Py_ssize_t i = 0; i < n; i++)
        PyTuple_SET_ITEM(given, i, Py_NewRef(inputs[i]));
    PyObject *args[2] = {operations[op], given};
    PyObject *v = PyObject_Vectorcall(py.record, args, 2, NULL);
    Py_DECREF(given);
    return v;
}


static ALWAYS_INLINE PyObject *binary(PyObject *p, PyObject *q, int op, int code, double (*f)(double, double))
{
    Node *v;
    double c, data;
    if (IS_NODE(p)) {
        double a = ((Node *)p)->data;
        if (IS_NODE(q)) {
            data = f(a, ((Node *)q)->data);
            if (!ORDINARY(data))
                goto careful;
            if (UNLIKELY(mode_word & NO_GRAD))
                return (PyObject *)new_leaf(data);
            if (!(v = new_node(code)))
                return NULL;
            v->data = data;
            v->a = (Node *)Py_NewRef(p);
            v->b = (Node *)Py_NewRef(q);
            return (PyObject *)v;
        }
        if (!plain(q, &c))
            goto strange;
        data = f(a, c);
        if (!ORDINARY(data))
            goto careful;
        if (UNLIKELY(mode_word & NO_GRAD))
            return (PyObject *)new_leaf(data);
        if (!(v = new_node(code + 1)))
            return NULL;
        v->data = data;
        v->a = (Node *)Py_NewRef(p);
        v->cb = c;
        return (PyObject *)v;
    }
    if (!plain(p, &c))
        goto strange;
    data = f(c, ((Node *)q)->data);
    if (!ORDINARY(data))
        goto careful;
    if (UNLIKELY(mode_word & NO_GRAD))
        return (PyObject *)new_leaf(data);
    if (!(v = new_node(code + 2)))
        return NULL;
    v->data = data;
    v->ca = c;
    v->b = (Node *)Py_NewRef(q);
    return (PyObject *)v;

careful: {
        PyObject *inputs[2] = {p, q};
        return careful(op, inputs, 2);
    }
strange: { /* a number of another kind, or an array, or nothing that has to do with numbers */
        PyObject *constant = PyObject_CallOneArg(py.constant, IS_NODE(p) ? q : p);
        if (!constant || constant == Py_NotImplemented)
            return constant;
        PyObject *inputs[2] = {IS_NODE(p) ? p : constant, IS_NODE(p) ? constant : q};
        PyObject *node = careful(op, inputs, 2);
        Py_DECREF(constant);
        return node;
    }
}

static ALWAYS_INLINE PyObject *unary(PyObject *p, int op, int code, double (*f)(double))
{
    double data = f(((Node *)p)->data);
    if (!ORDINARY(data))
        return careful(op, &p, 1);
    if (UNLIKELY(mode_word & NO_GRAD))
        return (PyObject *)new_leaf(data);
    Node *v = new_node(code);
    if (!v)
        return NULL;
    v->data = data;
    v->a = (Node *)Py_NewRef(p);
    v->b = NULL;
    return (PyObject *)v;
}

/* A node of n inputs whose data is known. */
static PyObject *many(int op, PyObject *operation, PyObject *const *inputs, const double *x, Py_ssize_t n, double data)
{
    Node *v = new_many(op, operation, n);
    if (!v)
        return NULL;
    v->data = data;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (IS_NODE(inputs[i])) {
            ITEMS(v)[i].v = (Node *)Py_NewRef(inputs[i]);
            BITS(v)[i >> 6] |= (uint64_t)1 << (i & 63);
        }
        else
            ITEMS(v)[i].c = x[i];
    }
    return (PyObject *)v;
}

/* The same for an op of one or two inputs, at least one of them a Value. */
static PyObject *one_or_two(int op, PyObject *const *inputs, const double *x, double data)
{
    int two = op_rows[op].arity == 2, form = !two ? 0 : !IS_NODE(inputs[0]) ? 2 : !IS_NODE(inputs[1]);
    Node *v = new_node(op_rows[op].code + form);
    if (!v)
        return NULL;
    v->data = data;
    if (form < 2)
        v->a = (Node *)Py_NewRef(inputs[0]);
    else
        v->ca = x[0];
    if (!two)
        v->b = NULL;
    else if (form == 1)
        v->cb = x[1];
    else
        v->b = (Node *)Py_NewRef(inputs[1]);
    return (PyObject *)v;
}

#define FEW 64

/* An op on inputs of any kind: what ops.sum(a, b, c) calls. A float where none of them is a Value. */
static PyObject *apply(int op, PyObject *const *inputs, Py_ssize_t n)
{
    int arity = op_rows[op].arity, in_c = op_rows[op].in_c, values = 0;
    double few[FEW], *x = few, data;
    PyObject *answer = NULL;
    if ((arity && n != arity) || n == 0 || !in_c)
        return NULL;
    if (n > FEW && !(x = PyMem_Malloc(n * sizeof(double))))
        return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < n; i++) {
        if (IS_NODE(inputs[i])) {
            x[i] = ((Node *)inputs[i])->data;
            values = 1;
        }
        else if (!plain(inputs[i], x + i))
            goto done;
    }
    data = op_rows[op].f1 ? op_rows[op].f1(x[0]) : op_rows[op].f2 ? op_rows[op].f2(x[0], x[1]) : op_rows[op].fn(x, n);
    if (!ORDINARY(data) && !RECORDED(data))
        goto done;
    if (!values)
        answer = PyFloat_FromDouble(data);
    else if (mode_word & NO_GRAD)
        answer = (PyObject *)new_leaf(data);
    else if (op_rows[op].code == NARY)
        answer = many(op, operations[op], inputs, x, n, data);
    else
        answer = one_or_two(op, inputs, x, data);
    if (mode_word & RECORD && answer && values && write_down((Node *)answer) < 0)
        Py_CLEAR(answer);
done:
    if (x != few)
        PyMem_Free(x);
    return answer;
}

/* Op.__call__: fast where apply is, else the one in ops.py. */
static PyObject *op_call(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    int op = names ? -1 : op_index(self);
    if (op >= 0) {
        PyObject *answer = apply(op, args, n);
        if (answer || PyErr_Occurred())
            return answer;
    }
    Py_ssize_t all = n + (names ? PyTuple_GET_SIZE(names) : 0);
    PyObject **with_self = PyMem_Malloc((all + 1) * sizeof(PyObject *));
    if (!with_self)
        return PyErr_NoMemory();
    with_self[0] = self;
    memcpy(with_self + 1, args, all * sizeof(PyObject *));
    PyObject *answer = PyObject_Vectorcall(py.op_call, with_self, n + 1, names);
    PyMem_Free(with_self);
    return answer;
}

/* Value._made(op, inputs, data): a node of what an op was given, and what it computed. */
static PyObject *made(PyObject *Py_UNUSED(type), PyObject *const *args, Py_ssize_t count)
{
    if (count != 3 || !PyTuple_Check(args[1]) || !PyFloat_CheckExact(args[2])) {
        PyErr_SetString(PyExc_TypeError, "Value._made(op, inputs, data) takes an Op, a tuple and a float");
        return NULL;
    }
    PyObject *operation = args[0], *const *inputs = ((PyTupleObject *)args[1])->ob_item;
    Py_ssize_t n = PyTuple_GET_SIZE(args[1]);
    double data = PyFloat_AS_DOUBLE(args[2]), few[FEW], *x = few;
    int op = op_index(operation);
    if (n > FEW && !(x = PyMem_Malloc(n * sizeof(double))))
        return PyErr_NoMemory();
    PyObject *answer = NULL;
    int values = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (IS_NODE(inputs[i]))
            values++;
        else if (PyFloat_CheckExact(inputs[i]))
            x[i] = PyFloat_AS_DOUBLE(inputs[i]);
        else {
            PyErr_Format(PyExc_TypeError, "Value._made: an input must be a Value or a float, not %R", inputs[i]);
            goto done;
        }
    }
    if (op < 0 || op_rows[op].code == NARY || !values || n != op_rows[op].arity)
        answer = many(op, operation, inputs, x, n, data);
    else
        answer = one_or_two(op, inputs, x, data);
done:
    if (x != few)
        PyMem_Free(x);
    return answer;
}
