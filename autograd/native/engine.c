/* The compiled twin of value.py and chain.py: the same Values, the same order, the same bits.

   Read node.h (what a node is), forward.h (how ops make them), pass.h (the chain rule), bulk.h (many
   nodes in one call), listing.h and derive.h (what is recorded, and its gradient), program.h and caller.h (what runs of
   it, and how it is called). The kernels are printed from
   ops.py and rules.py by printer.py. What needs no speed is not written again: __init__.py lends Value's methods. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef Py_GIL_DISABLED
#error "chainrule's compiled engine needs the GIL; on a free-threaded Python use the pure one"
#endif

#if defined(_MSC_VER)
#define ALWAYS_INLINE __forceinline
#define NOINLINE __declspec(noinline)
#define THREAD_LOCAL __declspec(thread)
#define LIKELY(x) (x)
#define UNLIKELY(x) (x)
#else
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define THREAD_LOCAL _Thread_local
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#endif

#include "kernels.h"

static PyObject *operations[N_OPS];   /* the Ops of ops.py, in their order there */

static struct {                       /* what is asked of Python, all set by connect() */
    PyObject *record, *constant, *number, *contributions, *refuse_stale, *hooks_applied, *hooked, *acquire, *release;
    PyObject *op_call, *leaf_arguments, *note_source, *note_read, *observe, *careful_backward, *set_label, *set_data;
    PyObject *set_grad, *power;
    PyObject *repr, *to_float, *to_int, *divmod, *rdivmod, *lt, *le, *eq, *ne, *gt, *ge;
} py;

#define IEEE 1
#define NO_GRAD 2
#define TRACE 4
#define ANOMALY 8
#define DEBUG 32
#define RECORD 64
static THREAD_LOCAL int mode_word;    /* as in modes.py */

/* The index of a built-in op, -1 for any other. */
static int op_index(PyObject *operation)
{
    static struct { PyObject *operation; int op; } table[1024];
    static int filled;
    if (!filled) {
        for (int op = 0; op < N_OPS; op++) {
            size_t k = (size_t)operations[op] >> 4;
            while (table[k & 1023].operation)
                k++;
            table[k & 1023].operation = operations[op];
            table[k & 1023].op = op;
        }
        filled = 1;
    }
    for (size_t k = (size_t)operation >> 4; table[k & 1023].operation; k++)
        if (table[k & 1023].operation == operation)
            return table[k & 1023].op;
    return -1;
}

/* What stopped a float function in Python, other than arithmetic: Ctrl-C, or memory. py_call can return no error, so
   it waits here until the op, or the pass, comes to where it can be raised. */
static THREAD_LOCAL PyObject *stopped[3];

static int raise_stopped(void)
{
    if (LIKELY(!stopped[0]))
        return 0;
    PyErr_Restore(stopped[0], stopped[1], stopped[2]);
    stopped[0] = NULL;
    return -1;
}

static THREAD_LOCAL int has_failed;   /* set by an error in a float function; a program looks at it, and clears it */

/* An error in Python's float function: arithmetic has its limit, all else is kept. */
static void py_failed(void)
{
    has_failed = 1;
    if (stopped[0] || PyErr_ExceptionMatches(PyExc_ArithmeticError) || PyErr_ExceptionMatches(PyExc_ValueError))
        PyErr_Clear();
    else
        PyErr_Fetch(&stopped[0], &stopped[1], &stopped[2]);
}

/* Tell the recorder that the program looks at a node's number, or changes it: 0 where it may go on. */
static NOINLINE int tell(const char *what, PyObject *v, PyObject *other, int outcome)
{
    PyObject *done = other ? PyObject_CallFunction(py.observe, "sOOO", what, v, other, outcome ? Py_True : Py_False)
                           : PyObject_CallFunction(py.observe, "sO", what, v);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static inline int observed(const char *what, PyObject *v)
{
    return UNLIKELY(mode_word & RECORD) ? tell(what, v, NULL, 0) : 0;
}

#include "node.h"

struct Listing;
static THREAD_LOCAL struct Listing *written;   /* the listing that this thread's ops are added to (listing.h), or NULL */
static int write_down(Node *v);

#include "forward.h"
#include "pass.h"

/* An attribute, by an interned name: with a new str each time Python's cache of attributes fills up with them. */
static PyObject *fact_of(PyObject *operation, const char *name)
{
    PyObject *key = PyUnicode_InternFromString(name), *fact = key ? PyObject_GetAttr(operation, key) : NULL;
    Py_XDECREF(key);
    return fact;
}

/* An op's float function in IEEE arithmetic: inf or nan, as the op has it, where the function raises. */
static double py_call(int op, const double *x, Py_ssize_t n)
{
    PyObject *kind, *error, *trace, *limit = NULL, *answer = NULL, *function, *args = PyTuple_New(n);
    double y = NAN;
    if (stopped[0])
        return y;
    PyErr_Fetch(&kind, &error, &trace);
    for (Py_ssize_t i = 0; args && i < n; i++) {
        PyObject *item = PyFloat_FromDouble(x[i]);
        if (!item)
            Py_CLEAR(args);
        else
            PyTuple_SET_ITEM(args, i, item);
    }
    function = fact_of(operations[op], "function");
    if (args && function) {
        answer = PyObject_Call(function, args, NULL);
        if (!answer) {
            py_failed();
            limit = fact_of(operations[op], "limit");
            if (limit && limit != Py_None)
                answer = PyObject_Call(limit, args, NULL);
        }
    }
    if (answer)
        y = PyFloat_AsDouble(answer);
    if (PyErr_Occurred())
        py_failed();
    if (stopped[0])
        y = NAN; /* so that forward takes its careful way */
    Py_XDECREF(answer);
    Py_XDECREF(limit);
    Py_XDECREF(function);
    Py_XDECREF(args);
    PyErr_Restore(kind, error, trace);
    return y;
}

/* ── The number protocol ──────────────────────────────────────────────────────────────────────────────────── */

#define BINARY(name, NAME) \
    static PyObject *nb_##name(PyObject *p, PyObject *q) { return binary(p, q, OP_##NAME, NAME##_VV, f_##name); }
BINARY(add, ADD)
BINARY(sub, SUB)
BINARY(mul, MUL)
BINARY(div, DIV)
BINARY(floordiv, FLOORDIV)
BINARY(mod, MOD)
BINARY(pow, POW)

static PyObject *nb_power(PyObject *p, PyObject *q, PyObject *modulus)
{
    if (modulus == Py_None)
        return nb_pow(p, q);
    if (!IS_NODE(p))
        Py_RETURN_NOTIMPLEMENTED;
    PyObject *args[3] = {p, q, modulus};
    return PyObject_Vectorcall(py.power, args, 3, NULL); /* raises */
}

#define UNARY(name, NAME) \
    static PyObject *u_##name(PyObject *p, PyObject *Py_UNUSED(none)) { return unary(p, OP_##NAME, NAME##_V, f_##name); }
FOR_UNARY(UNARY)

static PyObject *nb_neg(PyObject *p) { return u_neg(p, NULL); }
static PyObject *nb_pos(PyObject *p) { return u_pos(p, NULL); }
static PyObject *nb_abs(PyObject *p) { return u_abs(p, NULL); }
static int nb_bool(PyObject *p)
{
    int outcome = ((Node *)p)->data != 0.0;
    if (LIKELY(!(mode_word & RECORD)))
        return outcome;
    PyObject *zero = PyFloat_FromDouble(0.0);
    int told = zero ? tell("ne", p, zero, outcome) : -1;
    Py_XDECREF(zero);
    return told < 0 ? -1 : outcome;
}
static PyObject *nb_float(PyObject *p) { return PyObject_CallOneArg(py.to_float, p); }
static PyObject *nb_int(PyObject *p) { return PyObject_CallOneArg(py.to_int, p); }

static PyObject *nb_divmod(PyObject *p, PyObject *q)
{
    PyObject *args[2] = {IS_NODE(p) ? p : q, IS_NODE(p) ? q : p};
    return PyObject_Vectorcall(IS_NODE(p) ? py.divmod : py.rdivmod, args, 2, NULL);
}

static PyObject *node_compare(PyObject *p, PyObject *q, int how)
{
    static const char *names[] = {[Py_LT] = "lt", [Py_LE] = "le", [Py_EQ] = "eq",
                                  [Py_NE] = "ne", [Py_GT] = "gt", [Py_GE] = "ge"};
    PyObject *methods[] = {[Py_LT] = py.lt, [Py_LE] = py.le, [Py_EQ] = py.eq,
                           [Py_NE] = py.ne, [Py_GT] = py.gt, [Py_GE] = py.ge};
    double a = ((Node *)p)->data, b;
    if (IS_NODE(q))
        b = ((Node *)q)->data;
    else if (!plain(q, &b)) {
        PyObject *args[2] = {p, q};
        return PyObject_Vectorcall(methods[how], args, 2, NULL);
    }
    int outcome = how == Py_LT ? a < b : how == Py_LE ? a <= b : how == Py_EQ ? a == b
                  : how == Py_NE ? a != b : how == Py_GT ? a > b : a >= b;
    if (UNLIKELY(mode_word & RECORD) && tell(names[how], p, q, outcome) < 0)
        return NULL;
    return PyBool_FromLong(outcome);
}

static Py_hash_t node_hash(PyObject *v)
{
    size_t bits = (size_t)v;
    Py_hash_t hash = (Py_hash_t)(bits >> 4 | bits << (8 * sizeof bits - 4));
    return hash == -1 ? -2 : hash;
}

static PyObject *node_repr(PyObject *v) { return PyObject_CallOneArg(py.repr, v); }

/* ── Attributes ───────────────────────────────────────────────────────────────────────────────────────────── */

static PyObject *get_data(PyObject *v, void *Py_UNUSED(c)) { return PyFloat_FromDouble(((Node *)v)->data); }
static PyObject *get_data_traced(PyObject *v, void *c)
{
    if (UNLIKELY(mode_word & TRACE)) {
        PyObject *done = PyObject_CallOneArg(py.note_read, v);
        if (!done)
            return NULL;
        Py_DECREF(done);
    }
    return get_data(v, c);
}
static PyObject *get_grad(PyObject *v, void *Py_UNUSED(c)) { return PyFloat_FromDouble(((Node *)v)->grad); }
static PyObject *get_has_grad(PyObject *v, void *Py_UNUSED(c))
{
    return observed("has_grad", v) < 0 ? NULL : PyBool_FromLong(((Node *)v)->word & HAS_GRAD);
}
static PyObject *get_public_data(PyObject *v, void *c) { return observed("data", v) < 0 ? NULL : get_data_traced(v, c); }
static PyObject *get_public_grad(PyObject *v, void *c) { return observed("grad", v) < 0 ? NULL : get_grad(v, c); }
static PyObject *get_number(PyObject *v, void *Py_UNUSED(c)) { return PyLong_FromUnsignedLongLong(NUMBER((Node *)v)); }
static PyObject *get_operation(PyObject *v, void *Py_UNUSED(c)) { return Py_NewRef(operation_of((Node *)v)); }

static PyObject *get_extra(PyObject *v, void *Py_UNUSED(c))
{
    PyObject *extra = ((Node *)v)->extra;
    return Py_NewRef(extra ? extra : Py_None);
}

static PyObject *get_grad_or_none(PyObject *v, void *c)
{
    return ((Node *)v)->word & HAS_GRAD ? get_grad(v, c) : Py_NewRef(Py_None);
}

static int deletion(const char *name)
{
    PyErr_Format(PyExc_AttributeError, "can't delete %s of a Value; write v.grad = None to clear a gradient", name);
    return -1;
}

/* Ask Python: it converts, and assigns, or says what is wrong. */
static int set_by_python(PyObject *setter, PyObject *v, PyObject *x)
{
    PyObject *args[2] = {v, x}, *done = PyObject_Vectorcall(setter, args, 2, NULL);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* A leaf is young again when its data is assigned: what used the old data is stale. */
static inline void assigned(Node *v)
{
    latest_assignment = ++created;
    v->word = WORD(created, LEAF) | (v->word & 15);
}

static int set_data(PyObject *self, PyObject *x, void *Py_UNUSED(c))
{
    Node *v = (Node *)self;
    double data;
    if (!x)
        return deletion("data");
    if (CODE(v) != LEAF || !plain(x, &data))
        return set_by_python(py.set_data, self, x);
    if (observed("data = …", self) < 0)
        return -1;
    v->data = data;
    assigned(v);
    return 0;
}

static int set_raw_data(PyObject *self, PyObject *x, void *Py_UNUSED(c))
{
    double data;
    if (!x || !plain(x, &data))
        return deletion("data");
    ((Node *)self)->data = data;
    return 0;
}

static int set_grad(PyObject *self, PyObject *x, void *Py_UNUSED(c))
{
    Node *v = (Node *)self;
    double grad = 0.0;
    if (!x)
        return deletion("grad");
    if (x != Py_None && !plain(x, &grad))
        return set_by_python(py.set_grad, self, x);
    v->grad = grad;
    v->word = x == Py_None ? v->word & ~(uint64_t)HAS_GRAD : v->word | HAS_GRAD;
    return 0;
}

static int set_public_grad(PyObject *v, PyObject *x, void *c)
{
    return observed("grad = …", v) < 0 ? -1 : set_grad(v, x, c);
}

static int set_number(PyObject *self, PyObject *x, void *Py_UNUSED(c))
{
    Node *v = (Node *)self;
    uint64_t number = x ? PyLong_AsUnsignedLongLong(x) : 0;
    if (!x || PyErr_Occurred())
        return x ? -1 : deletion("_seq");
    v->word = number << 12 | (v->word & 4095);
    return 0;
}

static int set_extra(PyObject *v, PyObject *x, void *Py_UNUSED(c))
{
    Py_XSETREF(((Node *)v)->extra, x && x != Py_None ? Py_NewRef(x) : NULL);
    return 0;
}

static PyGetSetDef node_getset[] = {
    {"data", get_public_data, set_data, "The number. It may be assigned on a leaf.", NULL},
    {"grad", get_public_grad, set_public_grad,
     "d(result)/d(this), set by the result's `backward`; 0.0 until then. Assign a number, or None to clear it.", NULL},
    {"has_grad", get_has_grad, NULL,
     "Whether it has a gradient: a pass reached it, or one was assigned, since the last clearing.", NULL},
    {"inputs", get_inputs, NULL, "What the op was given, Values and floats in order; () for a leaf.", NULL},
    {"_data", get_data, set_raw_data, NULL, NULL},
    {"_grad", get_grad_or_none, set_grad, NULL, NULL},
    {"_seq", get_number, set_number, NULL, NULL},
    {"_operation", get_operation, NULL, NULL, NULL},
    {"_extra", get_extra, set_extra, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#include "bulk.h"
#include "program.h"
#include "batches.h"
#include "listing.h"
#include "derive.h"
#include "caller.h"

/* ── Methods ──────────────────────────────────────────────────────────────────────────────────────────────── */

/* value.backward(gradient=1.0, debug=False) */
static PyObject *node_backward(PyObject *v, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    PyObject *given[2] = {NULL, NULL};
    Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
    double gradient = 1.0;
    for (Py_ssize_t i = 0; i < n + named; i++) {
        PyObject *name = i < n ? NULL : PyTuple_GET_ITEM(names, i - n);
        Py_ssize_t place = !name ? i : !PyUnicode_CompareWithASCIIString(name, "gradient") ? 0
                           : !PyUnicode_CompareWithASCIIString(name, "debug") ? 1 : 2;
        if (place > 1 || given[place]) {
            PyErr_SetString(PyExc_TypeError, "backward(gradient=1.0, debug=False) takes no other arguments, and each once");
            return NULL;
        }
        given[place] = args[i];
    }
    int debug = given[1] ? PyObject_IsTrue(given[1]) : 0;
    if (debug < 0)
        return NULL;
    if (given[0] && !plain(given[0], &gradient)) {
        PyObject *x = PyObject_CallFunction(py.number, "Os", given[0], "backward's gradient");
        if (!x)
            return NULL;
        gradient = PyFloat_AsDouble(x);
        Py_DECREF(x);
    }
    if (observed("backward()", v) < 0)
        return NULL;
    if (UNLIKELY(debug || mode_word & (ANOMALY | DEBUG)))
        return PyObject_CallFunction(py.careful_backward, "OdO", v, gradient, debug ? Py_True : Py_False);
    return backward(v, gradient);
}

static PyObject *node_item(PyObject *v, PyObject *Py_UNUSED(none))
{
    return observed("item()", v) < 0 ? NULL : get_data_traced(v, NULL);
}

static PyObject *node_assigned(PyObject *v, PyObject *Py_UNUSED(none))
{
    assigned((Node *)v);
    Py_RETURN_NONE;
}

static PyObject *get_latest_assignment(PyObject *Py_UNUSED(type), PyObject *Py_UNUSED(none))
{
    return PyLong_FromUnsignedLongLong(latest_assignment);
}

static PyObject *node_remember(PyObject *v, PyObject *Py_UNUSED(none))
{
    if (remember((Node *)v) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *last_output(PyObject *Py_UNUSED(type), PyObject *Py_UNUSED(none))
{
    Begun *begun = begun_by(PyThreadState_GetID(PyThreadState_Get()));
    return Py_NewRef(begun ? (PyObject *)begun->root : Py_None);
}

static PyMethodDef node_methods[] = {
    {"backward", (PyCFunction)(void (*)(void))node_backward, METH_FASTCALL | METH_KEYWORDS,
     "Differentiate this result: set every interior node's gradient, add to every leaf's."},
    {"item", node_item, METH_NOARGS, "The number, under the name that torch gives it."},
    {"_made", (PyCFunction)(void (*)(void))made, METH_FASTCALL | METH_STATIC, NULL},
    {"_gradients", (PyCFunction)(void (*)(void))gradients, METH_FASTCALL | METH_STATIC, NULL},
    {"_ordered", ordered_list, METH_O | METH_STATIC, NULL},
    {"_leading", (PyCFunction)(void (*)(void))leading_list, METH_FASTCALL | METH_STATIC, NULL},
    {"_users", (PyCFunction)(void (*)(void))users_dicts, METH_FASTCALL | METH_STATIC, NULL},
    {"_reaches_older", reaches_older, METH_O, NULL},
    {"_remember", node_remember, METH_NOARGS, NULL},
    {"_last_output", last_output, METH_NOARGS | METH_STATIC, NULL},
    {"_assigned", node_assigned, METH_NOARGS, NULL},
    {"_latest_assignment", get_latest_assignment, METH_NOARGS | METH_STATIC, NULL},
    {NULL, NULL, 0, NULL},
};

/* Value(data, label="") */
static PyObject *labelled_leaf(PyObject *checked)
{
    PyObject *label, *v = NULL;
    double data;
    if (checked && PyArg_ParseTuple(checked, "dO", &data, &label) && (v = (PyObject *)new_leaf(data))) {
        if (PyUnicode_GetLength(label) && set_by_python(py.set_label, v, label) < 0)
            Py_CLEAR(v);
    }
    Py_XDECREF(checked);
    return v;
}

static PyObject *with_source(PyObject *v)
{
    if (LIKELY(!(mode_word & TRACE)) || !v)
        return v;
    PyObject *done = PyObject_CallOneArg(py.note_source, v);
    if (!done)
        Py_CLEAR(v);
    Py_XDECREF(done);
    return v;
}

static PyObject *node_new_leaf(PyObject *Py_UNUSED(type), PyObject *const *args, size_t flagged, PyObject *names)
{
    Py_ssize_t n = PyVectorcall_NARGS(flagged);
    double data;
    if (n == 1 && !names && plain(args[0], &data))
        return with_source((PyObject *)new_leaf(data));
    return with_source(labelled_leaf(PyObject_Vectorcall(py.leaf_arguments, args, n, names)));
}

static PyObject *node_new(PyTypeObject *type, PyObject *args, PyObject *names)
{
    (void)type;
    return with_source(labelled_leaf(PyObject_Call(py.leaf_arguments, args, names)));
}

static PyNumberMethods node_number = {
    .nb_add = nb_add, .nb_subtract = nb_sub, .nb_multiply = nb_mul, .nb_true_divide = nb_div,
    .nb_floor_divide = nb_floordiv, .nb_remainder = nb_mod, .nb_power = nb_power, .nb_divmod = nb_divmod,
    .nb_negative = nb_neg, .nb_positive = nb_pos, .nb_absolute = nb_abs,
    .nb_bool = nb_bool, .nb_float = nb_float, .nb_int = nb_int,
};

static PyTypeObject NodeType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "autograd.Value",
    .tp_basicsize = sizeof(Node),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, /* subclassing is refused by __init_subclass__, in words */
    .tp_dealloc = node_dealloc,
    .tp_as_number = &node_number,
    .tp_methods = node_methods,
    .tp_getset = node_getset,
    .tp_richcompare = node_compare,
    .tp_hash = node_hash,
    .tp_repr = node_repr,
    .tp_new = node_new,
    .tp_vectorcall = node_new_leaf,
};

/* ── The module ───────────────────────────────────────────────────────────────────────────────────────────── */

#define METHOD(name, NAME) {#name, u_##name, METH_NOARGS, NULL},
static PyMethodDef unary_methods[] = {FOR_UNARY(METHOD){NULL, NULL, 0, NULL}};
static PyMethodDef op_call_method = {"__call__", (PyCFunction)(void (*)(void))op_call, METH_FASTCALL | METH_KEYWORDS,
                                     "Compute: a float from numbers, a new node where an input is a node."};

/* method(name): the method of the one-input op of that name */
static PyObject *module_method(PyObject *Py_UNUSED(module), PyObject *name)
{
    for (PyMethodDef *method = unary_methods; method->ml_name; method++)
        if (!PyUnicode_CompareWithASCIIString(name, method->ml_name))
            return PyDescr_NewMethod(&NodeType, method);
    PyErr_Format(PyExc_KeyError, "no op of one input is called %R", name);
    return NULL;
}

/* lend(name, attribute): give the type an attribute that value.py wrote */
static PyObject *module_lend(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *name, *attribute;
    if (!PyArg_ParseTuple(args, "UO", &name, &attribute) || PyDict_SetItem(NodeType.tp_dict, name, attribute) < 0)
        return NULL;
    PyType_Modified(&NodeType);
    Py_RETURN_NONE;
}

static PyObject *module_set_mode(PyObject *Py_UNUSED(module), PyObject *word)
{
    int bits = (int)PyLong_AsLong(word);
    if (bits == -1 && PyErr_Occurred())
        return NULL;
    mode_word = bits;
    Py_RETURN_NONE;
}

static PyObject *module_set_widest(PyObject *Py_UNUSED(module), PyObject *slots)
{
    size_t before = widest, wanted = PyLong_AsSize_t(slots);
    if (PyErr_Occurred())
        return NULL;
    widest = wanted ? wanted : 1;
    return PyLong_FromSize_t(before);
}

/* connect(operations, op_type, **what is asked of Python) */
static PyObject *module_connect(PyObject *Py_UNUSED(module), PyObject *args, PyObject *asked)
{
    PyObject *ops, *op_type;
    if (!PyArg_ParseTuple(args, "O!O!", &PyDict_Type, &ops, &PyType_Type, &op_type))
        return NULL;
    for (int op = 0; op < N_OPS; op++) {
        PyObject *operation = PyDict_GetItemString(ops, op_rows[op].name);
        if (!operation) {
            PyErr_Format(PyExc_ImportError, "there is no op %s", op_rows[op].name);
            return NULL;
        }
        Py_XSETREF(operations[op], Py_NewRef(operation));
    }
#define ASK(name) {#name, &py.name}
    struct { const char *name; PyObject **place; } wanted[] = {
        ASK(record), ASK(constant), ASK(number), ASK(contributions), ASK(refuse_stale), ASK(hooks_applied),
        ASK(hooked), ASK(acquire), ASK(release), ASK(op_call), ASK(leaf_arguments), ASK(note_source), ASK(note_read),
        ASK(observe),        ASK(careful_backward), ASK(set_label), ASK(set_data), ASK(set_grad), ASK(power), ASK(repr), ASK(to_float),
        ASK(to_int), ASK(divmod), ASK(rdivmod), ASK(lt),
        ASK(le), ASK(eq), ASK(ne), ASK(gt), ASK(ge),
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        PyObject *answer = asked ? PyDict_GetItemString(asked, wanted[i].name) : NULL;
        if (!answer) {
            PyErr_Format(PyExc_TypeError, "connect() needs %s", wanted[i].name);
            return NULL;
        }
        Py_XSETREF(*wanted[i].place, Py_NewRef(answer));
    }
    return PyDescr_NewMethod((PyTypeObject *)op_type, &op_call_method);
}

static PyMethodDef module_methods[] = {
    {"connect", (PyCFunction)(void (*)(void))module_connect, METH_VARARGS | METH_KEYWORDS, NULL},
    {"method", module_method, METH_O, NULL},
    {"lend", module_lend, METH_VARARGS, NULL},
    {"set_mode", module_set_mode, METH_O, NULL},
    {"twin", module_twin, METH_O, NULL},
    {"set_widest", module_set_widest, METH_O, NULL},
    {"machine", module_machine, METH_VARARGS, NULL},
    {"machine_ops", module_machine_ops, METH_NOARGS, NULL},
    {"batches", module_batches, METH_VARARGS, NULL},
    {"caller", module_caller, METH_O, NULL},
    {"connect_programs", module_connect_programs, METH_VARARGS, NULL},
    {"instruction_set", module_instruction_set, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static int module_exec(PyObject *module)
{
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "the compiled engine works in the main interpreter only");
        return -1;
    }
    if (PyType_Ready(&NodeType) < 0 || PyType_Ready(&MachineType) < 0 || PyType_Ready(&ListingType) < 0
        || PyType_Ready(&CallerType) < 0 || PyType_Ready(&BoundType) < 0)
        return -1;
    PyObject *sets = module_instruction_set(NULL, Py_None);
    if (!sets)
        return -1;
    Py_DECREF(sets);
    if (PyModule_AddStringConstant(module, "sources", SOURCES) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Value", (PyObject *)&NodeType);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT, "autograd.native._engine", "The compiled Value.", 0, module_methods, module_slots,
    NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__engine(void) { return PyModuleDef_Init(&module_def); }
