/* Backward: the chain rule, newest node first. An interior node is younger than its interior inputs, so a decreasing
   number is a topological order: slots[base - number] holds what was sent to a node, and one scan visits them all.
   Sums live in the pass, not in the nodes, so that a pass inside a hook is exact, and one that fails leaves no trace. */

typedef struct {
    Node *node; /* NULL where nothing was sent */
    double sum;
} Slot;

typedef struct { /* a contribution to a node beyond the window */
    Node *node;
    double sent;
    uint64_t arrival;
} Far;

typedef struct {
    Node *leaf;
    double sum;
    uint64_t place_before; /* of the pass around this one */
} LeafSum;

typedef struct {
    uint64_t id, base;          /* base: the number of the node of slots[0] */
    Slot *slots;                /* all empty between passes */
    size_t capacity, window, end; /* slots allocated, in use, and the last one filled */
    Far *far;                   /* a heap: newest node first, then first come first */
    size_t far_count, far_capacity;
    uint64_t arrivals;
    LeafSum *leaves;
    size_t leaf_count, leaf_capacity;
    double *buffer;             /* of the inputs of a node of many, and of what its rule sends */
    size_t buffer_capacity;
    int hooked;
} Pass;

#define SMALL_WINDOW 256
static size_t widest_window = (size_t)1 << 22;   /* slots; the tests make it small */
static uint64_t passes;
static Slot *spare_slots;       /* kept from the last pass */
static size_t spare_capacity;
static LeafSum *spare_leaves;
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

static inline void add(Pass *pass, size_t k, Node *x, double sent)
{
    Slot *slot = pass->slots + k;
    slot->sum = slot->node ? slot->sum + sent : sent; /* a sum begins with its first contribution, not with 0.0 */
    slot->node = x;
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
        memset(pass->slots + old, 0, (pass->capacity - old) * sizeof(Slot));
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

#define PLACE(pass, i) ((pass)->id << 32 | (i))

static NOINLINE int send_new_leaf(Pass *pass, Node *leaf, double sent)
{
    if (grown((void **)&pass->leaves, &pass->leaf_capacity, sizeof(LeafSum), pass->leaf_count + 1) < 0)
        return -1;
    LeafSum sum = {leaf, sent, leaf->place};
    leaf->place = PLACE(pass, pass->leaf_count);
    pass->leaves[pass->leaf_count++] = sum;
    return 0;
}

static ALWAYS_INLINE int send(Pass *pass, Node *x, double sent)
{
    if (CODE(x) == LEAF) {
        if (x->place >> 32 == pass->id) {
            pass->leaves[(uint32_t)x->place].sum += sent;
            return 0;
        }
        return send_new_leaf(pass, x, sent);
    }
    size_t k = pass->base - NUMBER(x);
    if (UNLIKELY(k >= pass->window))
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
    PyObject *gradient = PyFloat_FromDouble(*g), *new = NULL;
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

static void begin(Pass *pass, Node *root)
{
    memset(pass, 0, sizeof *pass);
    pass->id = ++passes & 0xffffffff;
    if (!pass->id) /* 0 is no pass */
        pass->id = ++passes & 0xffffffff;
    pass->slots = spare_slots;
    pass->capacity = spare_capacity;
    pass->leaves = spare_leaves;
    pass->leaf_capacity = spare_leaf_capacity;
    spare_slots = NULL;
    spare_leaves = NULL;
    spare_capacity = spare_leaf_capacity = 0;
    pass->base = NUMBER(root);
    pass->window = SMALL_WINDOW < widest_window ? SMALL_WINDOW : widest_window;
    pass->hooked = PySet_GET_SIZE(py.hooked) > 0;
}

#define KEPT ((size_t)1 << 16) /* slots, from one pass to the next: 1 MB */

static void end(Pass *pass)
{
    for (size_t i = pass->leaf_count; i-- > 0;)
        pass->leaves[i].leaf->place = pass->leaves[i].place_before;
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

/* Visit every interior node from the root on. keep: store its gradient in it. */
static int sweep(Pass *pass, int keep)
{
    size_t i = 0;
    for (;;) {
        for (; i <= pass->end; i++) {
            Node *v = pass->slots[i].node;
            if (!v)
                continue;
            double g = pass->slots[i].sum;
            pass->slots[i].node = NULL;
            if (UNLIKELY((i & 0xffff) == 0xffff) && PyErr_CheckSignals() < 0)
                goto failed;
            if (UNLIKELY(pass->hooked && v->extra) && apply_hooks(v, &g) < 0)
                goto failed;
            if (keep) {
                v->grad = g;
                v->word |= HAS_GRAD;
            }
            if (UNLIKELY(NUMBER(v) < latest_assignment) && is_stale(v))
                goto failed;
            switch (CODE(v)) {
#define SEND_A(sent) if (UNLIKELY(send(pass, v->a, sent) < 0)) goto failed
#define SEND_B(sent) if (UNLIKELY(send(pass, v->b, sent) < 0)) goto failed
#include "kernels_backward.h"
            case NARY:
                if (send_from_many(pass, v, g) < 0)
                    goto failed;
                break;
            }
        }
        if (!pass->far_count)
            return 0;
        pass->base = NUMBER(pass->far[0].node); /* a new window, from the newest node that waits */
        pass->end = i = 0;
        if (widen(pass, pass->window) < 0)
            goto failed;
    }
failed:
    memset(pass->slots, 0, (pass->end + 1) * sizeof(Slot));
    return -1;
}

/* Run a pass from the root, with its gradient: the leaves' sums are in it then, their hooks have been called. */
static int run(Pass *pass, Node *root, double gradient, int keep)
{
    begin(pass, root);
    if (!pass->slots && grown((void **)&pass->slots, &pass->capacity, sizeof(Slot), pass->window) == 0)
        memset(pass->slots, 0, pass->capacity * sizeof(Slot));
    if (!pass->slots || send(pass, root, gradient) < 0 || sweep(pass, keep) < 0)
        return -1;
    for (size_t i = 0; pass->hooked && i < pass->leaf_count; i++)
        if (pass->leaves[i].leaf->extra && apply_hooks(pass->leaves[i].leaf, &pass->leaves[i].sum) < 0)
            return -1;
    return 0;
}

/* value.backward(gradient=1.0) */
static PyObject *backward(Node *root, double gradient)
{
    Pass pass;
    int locked = PySet_GET_SIZE(py.hooked) > 0;
    if (locked) { /* a hook may let other threads run */
        PyObject *done = PyObject_CallNoArgs(py.acquire);
        if (!done)
            return NULL;
        Py_DECREF(done);
    }
    int failed = run(&pass, root, gradient, 1);
    for (size_t i = 0; !failed && i < pass.leaf_count; i++) {
        Node *leaf = pass.leaves[i].leaf;
        leaf->grad = leaf->word & HAS_GRAD ? leaf->grad + pass.leaves[i].sum : pass.leaves[i].sum;
        leaf->word |= HAS_GRAD;
    }
    end(&pass);
    if (locked) {
        PyObject *kind, *error, *trace;
        PyErr_Fetch(&kind, &error, &trace);
        Py_XDECREF(PyObject_CallNoArgs(py.release));
        PyErr_Restore(kind, error, trace);
    }
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}
