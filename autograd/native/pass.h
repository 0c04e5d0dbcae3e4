/* Backward: the chain rule, newest node first. An interior node is younger than its interior inputs, so a decreasing
   number is a topological order: slots[base - number] holds what was sent to a node, and one scan visits them all.
   Sums live in the pass, not in the nodes, so that a pass inside a hook is exact, and one that fails leaves no trace. */

typedef struct {
    Node *node; /* NULL where nothing was sent */
    double sum; /* -0.0 then: what is added to it stays what it is, bit for bit */
} Slot;

typedef struct { /* a contribution to a node beyond the window */
    Node *node;
    double sent;
    uint64_t arrival;
} Far;

typedef struct { /* what a pass around this one had sent to a leaf, when this one came to it */
    Node *leaf;
    double sum;
    uint64_t pass;
} Outer;

typedef struct {
    uint64_t id, base;          /* base: the number of the node of slots[0] */
    Slot *slots;                /* all empty between passes */
    size_t capacity, window, end; /* slots allocated, in use, and the last one filled */
    Far *far;                   /* a heap: newest node first, then first come first */
    size_t far_count, far_capacity;
    uint64_t arrivals;
    Node **leaves;              /* those that something was sent to */
    size_t leaf_count, leaf_capacity;
    Outer *outer;
    size_t outer_count, outer_capacity;
    double *buffer;             /* of the inputs of a node of many, and of what its rule sends */
    size_t buffer_capacity;
    int hooked;
} Pass;

#define SMALL_WINDOW 256
static size_t widest_window = (size_t)1 << 22;   /* slots; the tests make it small */
static uint64_t passes;
static Slot *spare_slots;       /* kept from the last pass */
static size_t spare_capacity;
static Node **spare_leaves;
static size_t spare_leaf_capacity;

static int grown(void **array, size_t *capacity, size_t size, size_t at_least)
{
    size_t wanted = *capacity ? *capacity : 64;
    while (wanted < at_least)
        wanted *= 2;
    if (wanted == *capacity)
        return 0;
    void *more = PyMem_Realloc(*array, wanted * size);
    if (!more) {
        PyErr_NoMemory();
        return -1;
    }
    *array = more;
    *capacity = wanted;
    return 0;
}

/* ── Nodes beyond the window ──────────────────────────────────────────────────────────────────────────────── */

static inline int before(const Far *f, const Far *g)
{
    return NUMBER(f->node) != NUMBER(g->node) ? NUMBER(f->node) > NUMBER(g->node) : f->arrival < g->arrival;
}

static int push_far(Pass *pass, Node *x, double sent)
{
    if (grown((void **)&pass->far, &pass->far_capacity, sizeof(Far), pass->far_count + 1) < 0)
        return -1;
    Far *heap = pass->far, f = {x, sent, pass->arrivals++};
    size_t i = pass->far_count++;
    for (; i && before(&f, heap + (i - 1) / 2); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = f;
    return 0;
}

static Far pop_far(Pass *pass)
{
    Far *heap = pass->far, top = heap[0], last = heap[--pass->far_count];
    size_t i = 0, n = pass->far_count;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(heap + child + 1, heap + child))
            child++;
        if (!before(heap + child, &last))
            break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return top;
}

static void empty(Slot *slots, size_t from, size_t to)
{
    for (size_t k = from; k < to; k++)
        slots[k] = (Slot){NULL, -0.0};
}

static inline void add(Pass *pass, size_t k, Node *x, double sent)
{
    pass->slots[k].node = x;
    pass->slots[k].sum += sent;
    if (k > pass->end)
        pass->end = k;
}

/* Let the window reach `window` slots; what waited for them comes in, in order of arrival. */
static int widen(Pass *pass, size_t window)
{
    size_t old = pass->capacity;
    if (window > old) {
        if (grown((void **)&pass->slots, &pass->capacity, sizeof(Slot), window) < 0)
            return -1;
        empty(pass->slots, old, pass->capacity);
    }
    pass->window = window;
    while (pass->far_count && pass->base - NUMBER(pass->far[0].node) < window) {
        Far f = pop_far(pass);
        add(pass, pass->base - NUMBER(f.node), f.node, f.sent);
    }
    return 0;
}

static NOINLINE int send_beyond(Pass *pass, Node *x, double sent)
{
    size_t k = pass->base - NUMBER(x), window = 2 * pass->window;
    if (k >= SMALL_WINDOW + 4 * (pass->end + 1) || k >= widest_window) /* at most 4 empty slots a node */
        return push_far(pass, x, sent);
    while (window <= k)
        window *= 2;
    if (widen(pass, window) < 0)
        return -1;
    add(pass, k, x, sent);
    return 0;
}

/* ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────── */

static NOINLINE int more_leaves(Pass *pass)
{
    return grown((void **)&pass->leaves, &pass->leaf_capacity, sizeof(Node *), pass->leaf_count + 1);
}

static NOINLINE int set_aside(Pass *pass, Node *leaf)
{
    if (grown((void **)&pass->outer, &pass->outer_capacity, sizeof(Outer), pass->outer_count + 1) < 0)
        return -1;
    Outer outer = {leaf, leaf->sum, leaf->pass};
    pass->outer[pass->outer_count++] = outer;
    return 0;
}

static ALWAYS_INLINE int send_to_leaf(Pass *pass, Node *x, double sent)
{
    if (x->pass == pass->id) {
        x->sum += sent;
        return 0;
    }
    if (UNLIKELY(pass->leaf_count == pass->leaf_capacity) && more_leaves(pass) < 0)
        return -1;
    if (UNLIKELY(x->pass) && set_aside(pass, x) < 0)
        return -1;
    x->sum = sent;
    x->pass = pass->id;
    pass->leaves[pass->leaf_count++] = x;
    return 0;
}

static int send(Pass *pass, Node *x, double sent)
{
    if (CODE(x) == LEAF)
        return send_to_leaf(pass, x, sent);
    size_t k = pass->base - NUMBER(x);
    if (k >= pass->window)
        return send_beyond(pass, x, sent);
    add(pass, k, x, sent);
    return 0;
}

/* What a rule in Python sends: chain.contributions(node, gradient). */
static int send_by_python(Pass *pass, Node *v, double g)
{
    int failed = -1;
    PyObject *gradient = PyFloat_FromDouble(g), *sent = NULL, *items = NULL;
    if (gradient) {
        PyObject *args[2] = {(PyObject *)v, gradient};
        sent = PyObject_Vectorcall(py.contributions, args, 2, NULL);
    }
    if (sent && (items = PySequence_Fast(sent, "contributions"))) {
        failed = 0;
        for (Py_ssize_t i = 0; !failed && i < input_count(v); i++) {
            double c = 0.0;
            Node *x = input(v, i, &c);
            PyObject *item = PySequence_Fast_GET_ITEM(items, i);
            if (x && item != Py_None)
                failed = send(pass, x, PyFloat_AsDouble(item));
        }
    }
    Py_XDECREF(items);
    Py_XDECREF(sent);
    Py_XDECREF(gradient);
    return failed;
}

static int send_from_many(Pass *pass, Node *v, double g)
{
    Py_ssize_t n = v->n;
    if (!n)
        return 0;
    if (v->op < 0 || !op_rows[v->op].rule)
        return send_by_python(pass, v, g);
    if (grown((void **)&pass->buffer, &pass->buffer_capacity, sizeof(double), 3 * (size_t)n) < 0)
        return -1;
    double *x = pass->buffer, *sent = x + n;
    unsigned char *sends = (unsigned char *)(sent + n);
    for (Py_ssize_t i = 0; i < n; i++)
        x[i] = IS_VALUE(v, i) ? ITEMS(v)[i].v->data : ITEMS(v)[i].c;
    if (op_rows[v->op].rule(g, v->data, x, n, sent, sends) < 0)
        return -1;
    for (Py_ssize_t i = 0; i < n; i++)
        if (sends[i] && IS_VALUE(v, i) && send(pass, ITEMS(v)[i].v, sent[i]) < 0)
            return -1;
    return 0;
}

/* ── What a pass may be refused for, or stopped by ────────────────────────────────────────────────────────── */

/* Whether the rule of v reads a leaf that was assigned after v was computed; then Python tells it. */
static NOINLINE int is_stale(Node *v)
{
    int op = CODE(v) == NARY ? v->op : code_rows[CODE(v)].op;
    for (Py_ssize_t i = 0; i < input_count(v); i++) {
        double c = 0.0;
        Node *x = input(v, i, &c);
        if (x && CODE(x) == LEAF && NUMBER(x) > NUMBER(v) && (op < 0 || op_rows[op].reads >> (i < 31 ? i : 31) & 1)) {
            PyObject *told = PyObject_CallOneArg(py.refuse_stale, (PyObject *)v);
            Py_XDECREF(told);
            if (!told)
                return 1;
        }
    }
    return 0;
}

/* g, after the hooks of v have had their say. */
static NOINLINE int apply_hooks(Node *v, double *g)
{
    PyObject *gradient = raise_stopped() < 0 ? NULL : PyFloat_FromDouble(*g), *new = NULL;
    if (gradient) {
        PyObject *args[2] = {(PyObject *)v, gradient};
        new = PyObject_Vectorcall(py.hooks_applied, args, 2, NULL);
        Py_DECREF(gradient);
    }
    if (!new)
        return -1;
    *g = PyFloat_AsDouble(new);
    Py_DECREF(new);
    return 0;
}

/* ── The pass ─────────────────────────────────────────────────────────────────────────────────────────────── */

static void begin(Pass *pass, uint64_t base)
{
    memset(pass, 0, sizeof *pass);
    pass->id = ++passes;
    pass->slots = spare_slots;
    pass->capacity = spare_capacity;
    pass->leaves = spare_leaves;
    pass->leaf_capacity = spare_leaf_capacity;
    spare_slots = NULL;
    spare_leaves = NULL;
    spare_capacity = spare_leaf_capacity = 0;
    pass->base = base;
    pass->window = SMALL_WINDOW < widest_window ? SMALL_WINDOW : widest_window;
    pass->hooked = PySet_GET_SIZE(py.hooked) > 0;
}

#define KEPT ((size_t)1 << 16) /* slots, from one pass to the next: 1 MB */

static void end(Pass *pass)
{
    for (size_t i = 0; i < pass->leaf_count; i++)
        pass->leaves[i]->pass = 0;
    for (size_t i = 0; i < pass->outer_count; i++) {
        pass->outer[i].leaf->sum = pass->outer[i].sum;
        pass->outer[i].leaf->pass = pass->outer[i].pass;
    }
    PyMem_Free(pass->outer);
    if (pass->slots && !spare_slots && pass->capacity <= KEPT) {
        spare_slots = pass->slots;
        spare_capacity = pass->capacity;
    }
    else
        PyMem_Free(pass->slots);
    if (pass->leaves && !spare_leaves && pass->leaf_capacity <= KEPT) {
        spare_leaves = pass->leaves;
        spare_leaf_capacity = pass->leaf_capacity;
    }
    else
        PyMem_Free(pass->leaves);
    PyMem_Free(pass->far);
    PyMem_Free(pass->buffer);
}

/* Visit every interior node from the root on. keep: store its gradient in it. What the pass knows of its window is held
   in registers, and written back where a function has to see it. */
static int sweep(Pass *pass, const int keep)
{
    Slot *slots = pass->slots;
    uint64_t base = pass->base, stale = latest_assignment << 12;
    size_t window = pass->window, end = pass->end, i = 0;
    const int hooked = pass->hooked;
#define WRITE() (pass->end = end)
#define READ() (slots = pass->slots, window = pass->window, end = pass->end, stale = latest_assignment << 12)
#define SEND(to, sent)                                                     \
    do {                                                                   \
        Node *x_ = (to);                                                   \
        if (CODE(x_) == LEAF) {                                            \
            if (UNLIKELY(send_to_leaf(pass, x_, sent) < 0))                \
                goto failed;                                               \
            break;                                                         \
        }                                                                  \
        size_t k_ = base - NUMBER(x_);                                     \
        if (UNLIKELY(k_ >= window)) {                                      \
            WRITE();                                                       \
            if (send_beyond(pass, x_, sent) < 0)                           \
                goto failed;                                               \
            READ();                                                        \
            break;                                                         \
        }                                                                  \
        slots[k_].node = x_;                                               \
        slots[k_].sum += sent;                                             \
        end = k_ > end ? k_ : end;                                         \
    } while (0)
#define SEND_A(sent) SEND(v->a, sent)
#define SEND_B(sent) SEND(v->b, sent)
    for (;;) {
        for (; i <= end; i++) {
            if (UNLIKELY((i & 0xffff) == 0xffff)) { /* also where the slot is empty: they may be so periodically */
                WRITE();
                if (raise_stopped() < 0 || PyErr_CheckSignals() < 0)
                    goto failed;
                READ();
            }
            Node *v = slots[i].node;
            if (!v)
                continue;
            double g = slots[i].sum;
            slots[i] = (Slot){NULL, -0.0};
            if (UNLIKELY(hooked && v->extra)) {
                WRITE();
                if (apply_hooks(v, &g) < 0)
                    goto failed;
                READ();
            }
            if (keep) {
                v->grad = g;
                v->word |= HAS_GRAD;
            }
            if (UNLIKELY(v->word < stale) && is_stale(v))
                goto failed;
            switch (CODE(v)) {
#include "kernels_backward.h"
            case NARY:
                WRITE();
                if (send_from_many(pass, v, g) < 0)
                    goto failed;
                READ();
                break;
            }
        }
        WRITE();
        if (!pass->far_count)
            return 0;
        base = pass->base = NUMBER(pass->far[0].node); /* a new window, from the newest node that waits */
        pass->end = i = 0;
        if (widen(pass, window) < 0)
            goto failed;
        READ();
    }
failed:
    empty(pass->slots, 0, (end > pass->end ? end : pass->end) + 1);
    return -1;
}

/* Run a pass from the roots, with their gradient: the leaves' sums are in them then, their hooks have been called. */
static int run(Pass *pass, PyObject *const *roots, Py_ssize_t n, double gradient, int keep)
{
    uint64_t base = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        Node *root = (Node *)roots[i];
        if (CODE(root) != LEAF && NUMBER(root) > base)
            base = NUMBER(root);
    }
    begin(pass, base);
    size_t kept = pass->capacity; /* by the last pass, whose window may have been a narrower one */
    if (kept < pass->window) {
        if (grown((void **)&pass->slots, &pass->capacity, sizeof(Slot), pass->window) < 0)
            return -1;
        empty(pass->slots, kept, pass->capacity);
    }
    for (Py_ssize_t i = 0; i < n; i++)
        if (send(pass, (Node *)roots[i], gradient) < 0) {
            empty(pass->slots, 0, pass->end + 1);
            return -1;
        }
    if (sweep(pass, keep) < 0 || raise_stopped() < 0)
        return -1;
    for (size_t i = 0; pass->hooked && i < pass->leaf_count; i++)
        if (pass->leaves[i]->extra) {
            double sum = pass->leaves[i]->sum;
            if (apply_hooks(pass->leaves[i], &sum) < 0)
                return -1;
            pass->leaves[i]->sum = sum;
        }
    return 0;
}

/* One pass at a time, by the lock of chain.py: Python code that a pass calls may let other threads run. */
static int lock(void)
{
    PyObject *done = PyObject_CallNoArgs(py.acquire);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static void unlock(void)
{
    PyObject *kind, *error, *trace;
    PyErr_Fetch(&kind, &error, &trace);
    Py_XDECREF(PyObject_CallNoArgs(py.release));
    PyErr_Restore(kind, error, trace);
}

/* value.backward(gradient=1.0) */
static PyObject *backward(PyObject *root, double gradient)
{
    Pass pass;
    if (lock() < 0)
        return NULL;
    int failed = run(&pass, &root, 1, gradient, 1);
    for (size_t i = 0; !failed && i < pass.leaf_count; i++) {
        Node *leaf = pass.leaves[i];
        leaf->grad = leaf->word & HAS_GRAD ? leaf->grad + leaf->sum : leaf->sum;
        leaf->word |= HAS_GRAD;
    }
    end(&pass);
    unlock();
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

/* Value._gradients(roots, xs): what reaches each of xs, None where nothing does; no node's grad is touched. None for
   all where it is for Python to say: where xs are not leaves, hooks want Values, or something fails, since a branch that
   leads to none of xs must not fail. */
static PyObject *gradients(PyObject *Py_UNUSED(type), PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyList_CheckExact(args[0]) || !PyList_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "Value._gradients(roots, xs) takes two lists");
        return NULL;
    }
    PyObject **roots = ((PyListObject *)args[0])->ob_item, **xs = ((PyListObject *)args[1])->ob_item, *found = NULL;
    Py_ssize_t root_count = PyList_GET_SIZE(args[0]), n = PyList_GET_SIZE(args[1]);
    for (Py_ssize_t i = 0; i < n; i++)
        if (!IS_NODE(xs[i]) || CODE((Node *)xs[i]) != LEAF)
            Py_RETURN_NONE;
    for (Py_ssize_t i = 0; i < root_count; i++)
        if (!IS_NODE(roots[i]))
            Py_RETURN_NONE;
    if (PySet_GET_SIZE(py.hooked) > 0)
        Py_RETURN_NONE;
    Pass pass;
    if (lock() < 0)
        return NULL;
    int failed = run(&pass, roots, root_count, 1.0, 0);
    if (!failed && (found = PyList_New(n)))
        for (Py_ssize_t i = 0; found && i < n; i++) {
            Node *x = (Node *)xs[i];
            PyObject *sum = x->pass == pass.id ? PyFloat_FromDouble(x->sum) : Py_NewRef(Py_None);
            if (!sum)
                Py_CLEAR(found);
            else
                PyList_SET_ITEM(found, i, sum);
        }
    end(&pass);
    unlock();
    if (failed && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    return found;
}

/* value._reaches_older(number): whether it was computed from a node that was there before the one of that number */
static PyObject *reaches_older(PyObject *self, PyObject *number)
{
    uint64_t born = PyLong_AsUnsignedLongLong(number);
    Node *root = (Node *)self, **seen = NULL;
    size_t count = 0, capacity = 0, next = 0;
    int older = NUMBER(root) < born, failed = PyErr_Occurred() != NULL;
    if (!failed && !older && CODE(root) != LEAF && !(failed = grown((void **)&seen, &capacity, sizeof(Node *), 1) < 0)) {
        seen[count++] = root;
        root->word |= SEEN;
    }
    for (; next < count && !older && !failed; next++) {
        Node *v = seen[next];
        for (Py_ssize_t i = 0; i < input_count(v) && !older && !failed; i++) {
            double c;
            Node *x = input(v, i, &c);
            if (!x || x->word & SEEN)
                continue;
            older = NUMBER(x) < born;
            if (CODE(x) == LEAF)
                continue;
            if (!(failed = grown((void **)&seen, &capacity, sizeof(Node *), count + 1) < 0)) {
                seen[count++] = x;
                x->word |= SEEN;
            }
        }
    }
    while (count)
        seen[--count]->word &= ~(uint64_t)SEEN;
    PyMem_Free(seen);
    return failed ? NULL : PyBool_FromLong(older);
}
