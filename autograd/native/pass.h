/* Backward: the chain rule, newest node first. An interior node is younger than its interior inputs, so a decreasing
   number is a topological order, and one scan of the numbers visits every node. What was sent to a node waits in a ring
   of slots, at the node's number modulo the ring's size; the few nodes that lie too far back wait in a heap until the
   scan comes near. Sums live in the pass, not in interior nodes, so that a pass inside a hook is exact, and one that
   fails leaves no trace. */

typedef struct {
    Node *node; /* NULL where nothing was sent */
    double sum; /* -0.0 then: what is added to it stays what it is, bit for bit */
} Slot;

typedef struct { /* a contribution to a node beyond the ring */
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
    uint64_t id, at;            /* at: the number the scan has come to; the ring holds those from there down */
    uint64_t from;              /* where it would have begun, had it left out nothing */
    uint64_t oldest;            /* the number of the oldest node that waits in the ring */
    Slot *slots;                /* all empty between passes */
    size_t size;                /* a power of 2 */
    Far *far;
    size_t far_count, far_capacity;
    int far_is_heap;            /* newest node first, then first come first; until asked for, in order of arrival */
    uint64_t far_newest, near_far, arrivals; /* near_far: where the scan brings the newest of them in; 0 if there is none */
    Node **leaves;              /* those that something was sent to */
    size_t leaf_count, leaf_capacity;
    Outer *outer;
    size_t outer_count, outer_capacity;
    double *buffer;             /* of the inputs of a node of many, and of what its rule sends */
    size_t buffer_capacity;
    int hooked;
} Pass;

#define SMALL ((size_t)256)
static size_t widest = SIZE_MAX;  /* ring; the tests make it small */
static uint64_t passes;
static Slot *spare_slots;       /* kept from the last pass */
static size_t spare_size;
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

static inline void add(Pass *pass, Node *x, double sent)
{
    Slot *slot = pass->slots + (NUMBER(x) & (pass->size - 1));
    slot->node = x;
    slot->sum += sent;
    if (NUMBER(x) < pass->oldest)
        pass->oldest = NUMBER(x);
}

/* ── Nodes beyond the ring ────────────────────────────────────────────────────────────────────────────────── */

static inline int before(const Far *f, const Far *g)
{
    return NUMBER(f->node) != NUMBER(g->node) ? NUMBER(f->node) > NUMBER(g->node) : f->arrival < g->arrival;
}

static void sift_down(Far *heap, size_t n, size_t i)
{
    Far f = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(heap + child + 1, heap + child))
            child++;
        if (!before(heap + child, &f))
            break;
        heap[i] = heap[child];
    }
    heap[i] = f;
}

static int push_far(Pass *pass, Node *x, double sent)
{
    if (grown((void **)&pass->far, &pass->far_capacity, sizeof(Far), pass->far_count + 1) < 0)
        return -1;
    Far *far = pass->far, f = {x, sent, pass->arrivals++};
    size_t i = pass->far_count++;
    for (; pass->far_is_heap && i && before(&f, far + (i - 1) / 2); i = (i - 1) / 2)
        far[i] = far[(i - 1) / 2];
    far[i] = f;
    if (NUMBER(x) > pass->far_newest)
        pass->far_newest = NUMBER(x);
    pass->near_far = pass->far_newest + pass->size - 1;
    return 0;
}

/* Bring in what the ring now reaches, in order of arrival. */
static void pull_far(Pass *pass)
{
    Far *far = pass->far;
    if (!pass->far_is_heap) {
        for (size_t i = pass->far_count / 2; i-- > 0;)
            sift_down(far, pass->far_count, i);
        pass->far_is_heap = 1;
    }
    while (pass->far_count && pass->at - NUMBER(far[0].node) < pass->size) {
        add(pass, far[0].node, far[0].sent);
        far[0] = far[--pass->far_count];
        if (pass->far_count)
            sift_down(far, pass->far_count, 0);
    }
    pass->far_newest = pass->far_count ? NUMBER(far[0].node) : 0;
    pass->near_far = pass->far_count ? pass->far_newest + pass->size - 1 : 0;
    pass->far_is_heap = pass->far_count > 0;
}

static Slot *empty_slots(size_t size)
{
    Slot *slots = PyMem_Malloc(size * sizeof(Slot));
    if (!slots)
        PyErr_NoMemory();
    for (size_t i = 0; slots && i < size; i++)
        slots[i] = (Slot){NULL, -0.0};
    return slots;
}

static int widen(Pass *pass, size_t size)
{
    Slot *old = pass->slots, *slots = empty_slots(size);
    if (!slots)
        return -1;
    for (size_t i = 0; i < pass->size; i++)
        if (old[i].node)
            slots[NUMBER(old[i].node) & (size - 1)] = old[i];
    PyMem_Free(old);
    pass->slots = slots;
    pass->size = size;
    if (pass->far_is_heap)
        pull_far(pass);
    else { /* in order of arrival as they are */
        size_t left = 0;
        pass->far_newest = 0;
        for (size_t i = 0; i < pass->far_count; i++) {
            Far f = pass->far[i];
            if (pass->at - NUMBER(f.node) < size) {
                add(pass, f.node, f.sent);
                continue;
            }
            pass->far[left++] = f;
            if (NUMBER(f.node) > pass->far_newest)
                pass->far_newest = NUMBER(f.node);
        }
        pass->far_count = left;
        pass->near_far = left ? pass->far_newest + size - 1 : 0;
    }
    return 0;
}

static NOINLINE int send_beyond(Pass *pass, Node *x, double sent)
{
    uint64_t distance = pass->at - NUMBER(x);
    size_t size = pass->size, allowed = SMALL + 4 * (pass->from - pass->at + pass->far_count); /* for what it has cost */
    while (size <= distance && size <= widest / 2)
        size *= 2;
    if (size <= distance || size > allowed)
        return push_far(pass, x, sent);
    if (widen(pass, size) < 0)
        return -1;
    add(pass, x, sent);
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
    if (pass->at - NUMBER(x) >= pass->size)
        return send_beyond(pass, x, sent);
    add(pass, x, sent);
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
    for (Py_ssize_t i = 0; i < n; i++) {
        if (!sends[i] || !IS_VALUE(v, i))
            continue;
        Node *to = ITEMS(v)[i].v;
        if (LIKELY(CODE(to) == LEAF && to->pass == pass->id)) /* most are parameters */
            to->sum += sent[i];
        else if (send(pass, to, sent[i]) < 0)
            return -1;
    }
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

static int begin(Pass *pass, uint64_t newest)
{
    memset(pass, 0, sizeof *pass);
    pass->id = ++passes;
    pass->at = pass->from = newest;
    pass->oldest = UINT64_MAX;
    pass->slots = spare_slots;
    pass->size = spare_size;
    pass->leaves = spare_leaves;
    pass->leaf_capacity = spare_leaf_capacity;
    spare_slots = NULL;
    spare_leaves = NULL;
    spare_size = spare_leaf_capacity = 0;
    pass->hooked = PySet_GET_SIZE(py.hooked) > 0;
    if (pass->slots && pass->size <= widest)
        return 0;
    PyMem_Free(pass->slots);
    for (pass->size = SMALL; pass->size > widest;)
        pass->size /= 2;
    pass->slots = empty_slots(pass->size);
    return pass->slots ? 0 : -1;
}

#define KEPT ((size_t)1 << 16) /* slots, from one pass to the next: 1 MB */

static void end(Pass *pass, int failed)
{
    for (size_t i = 0; i < pass->leaf_count; i++)
        pass->leaves[i]->pass = 0;
    for (size_t i = 0; i < pass->outer_count; i++) {
        pass->outer[i].leaf->sum = pass->outer[i].sum;
        pass->outer[i].leaf->pass = pass->outer[i].pass;
    }
    for (size_t i = 0; failed && pass->slots && i < pass->size; i++)
        pass->slots[i] = (Slot){NULL, -0.0};
    if (pass->slots && !spare_slots && pass->size <= KEPT) {
        spare_slots = pass->slots;
        spare_size = pass->size;
    }
    else
        PyMem_Free(pass->slots);
    if (pass->leaves && !spare_leaves && pass->leaf_capacity <= KEPT) {
        spare_leaves = pass->leaves;
        spare_leaf_capacity = pass->leaf_capacity;
    }
    else
        PyMem_Free(pass->leaves);
    PyMem_Free(pass->outer);
    PyMem_Free(pass->far);
    PyMem_Free(pass->buffer);
}

/* Visit every interior node that something was sent to. keep: store its gradient in it. What the pass knows of its ring
   is held in registers, and written back where a function has to see it. */
static ALWAYS_INLINE int sweep(Pass *pass, const int keep)
{
    Slot *slots = pass->slots;
    size_t mask = pass->size - 1;
    uint64_t at = pass->at, oldest = pass->oldest;
#define WRITE() (pass->at = at, pass->oldest = oldest)
#define READ() (slots = pass->slots, mask = pass->size - 1, oldest = pass->oldest)
#define SEND(to, sent)                                                     \
    do {                                                                   \
        Node *x_ = (to);                                                   \
        if (CODE(x_) == LEAF) {                                            \
            if (UNLIKELY(send_to_leaf(pass, x_, sent) < 0))                \
                return -1;                                                 \
            break;                                                         \
        }                                                                  \
        uint64_t number_ = NUMBER(x_);                                     \
        if (UNLIKELY(at - number_ > mask)) {                               \
            WRITE();                                                       \
            if (send_beyond(pass, x_, sent) < 0)                           \
                return -1;                                                 \
            READ();                                                        \
            break;                                                         \
        }                                                                  \
        Slot *slot_ = slots + (number_ & mask);                            \
        slot_->node = x_;                                                  \
        slot_->sum += sent;                                                \
        oldest = number_ < oldest ? number_ : oldest;                      \
    } while (0)
#define SEND_A(sent) SEND(v->a, sent)
#define SEND_B(sent) SEND(v->b, sent)
    for (;; at--) {
        if (at < oldest) { /* the ring is empty */
            if (!pass->far_count)
                return 0;
            pass->from -= at - pass->far_newest;
            at = pass->far_newest;
            oldest = UINT64_MAX;
        }
        if (UNLIKELY(at <= pass->near_far)) {
            WRITE();
            pull_far(pass);
            READ();
        }
        if (UNLIKELY(!(at & 0xffff))) {
            WRITE();
            if (raise_stopped() < 0 || PyErr_CheckSignals() < 0)
                return -1;
            READ();
        }
        Slot *slot = slots + (at & mask);
        Node *v = slot->node;
        if (!v)
            continue;
        double g = slot->sum;
        *slot = (Slot){NULL, -0.0};
        if (UNLIKELY(pass->hooked && v->extra)) {
            WRITE();
            if (apply_hooks(v, &g) < 0)
                return -1;
            READ();
        }
        if (keep) {
            v->grad = g;
            v->word |= HAS_GRAD;
        }
        if (UNLIKELY(v->word < WORD(latest_assignment, 0)) && is_stale(v))
            return -1;
        switch (CODE(v)) {
#include "kernels_backward.h"
        case NARY:
            WRITE();
            if (send_from_many(pass, v, g) < 0)
                return -1;
            READ();
            break;
        }
    }
}

/* Run a pass from the roots, with their gradient: the leaves' sums are in them then, their hooks have been called. */
static int run(Pass *pass, PyObject *const *roots, Py_ssize_t n, double gradient, int keep)
{
    uint64_t newest = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        Node *root = (Node *)roots[i];
        if (CODE(root) != LEAF && NUMBER(root) > newest)
            newest = NUMBER(root);
    }
    if (begin(pass, newest) < 0)
        return -1;
    for (Py_ssize_t i = 0; i < n; i++)
        if (send(pass, (Node *)roots[i], gradient) < 0)
            return -1;
    if ((keep ? sweep(pass, 1) : sweep(pass, 0)) < 0 || raise_stopped() < 0)
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
    int failed = run(&pass, &root, 1, gradient, 1) < 0 || remember((Node *)root) < 0;
    for (size_t i = 0; !failed && i < pass.leaf_count; i++) {
        Node *leaf = pass.leaves[i];
        leaf->grad = leaf->word & HAS_GRAD ? leaf->grad + leaf->sum : leaf->sum;
        leaf->word |= HAS_GRAD;
    }
    end(&pass, failed);
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
    end(&pass, failed);
    unlock();
    if (failed && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    return found;
}

/* ── The graph behind some roots ──────────────────────────────────────────────────────────────────────────────── */

static int newer_first(const void *p, const void *q)
{
    uint64_t a = NUMBER(*(Node *const *)p), b = NUMBER(*(Node *const *)q);
    return (a < b) - (a > b);
}

/* The interior nodes behind the roots, newest first where asked for, in an array to be freed; -1 where memory ends. */
static Py_ssize_t behind(PyObject *roots, int in_order, Node ***nodes)
{
    Node **seen = NULL;
    size_t count = 0, capacity = 0;
    int failed = 0, sorted = 1;
    for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(roots); i++) {
        Node *root = (Node *)PyList_GET_ITEM(roots, i);
        if (CODE(root) == LEAF || root->word & SEEN)
            continue;
        if (!(failed = grown((void **)&seen, &capacity, sizeof(Node *), count + 1) < 0)) {
            root->word |= SEEN;
            seen[count++] = root;
        }
    }
    for (size_t next = 0; next < count && !failed; next++) {
        Node *v = seen[next];
        for (Py_ssize_t i = 0; i < input_count(v) && !failed; i++) {
            double c;
            Node *x = input(v, i, &c);
            if (!x || CODE(x) == LEAF || x->word & SEEN)
                continue;
            if (!(failed = grown((void **)&seen, &capacity, sizeof(Node *), count + 1) < 0)) {
                sorted = sorted && NUMBER(x) < NUMBER(seen[count - 1]);
                x->word |= SEEN;
                seen[count++] = x;
            }
        }
    }
    for (size_t i = 0; i < count; i++)
        seen[i]->word &= ~(uint64_t)SEEN;
    if (failed) {
        PyMem_Free(seen);
        return -1;
    }
    if (count && in_order && (!sorted || PyList_GET_SIZE(roots) > 1))
        qsort(seen, count, sizeof(Node *), newer_first);
    *nodes = seen;
    return (Py_ssize_t)count;
}

static int all_nodes(PyObject *list)
{
    for (Py_ssize_t i = 0; PyList_CheckExact(list) && i < PyList_GET_SIZE(list); i++)
        if (!IS_NODE(PyList_GET_ITEM(list, i)))
            return 0;
    return PyList_CheckExact(list);
}

/* Value._ordered(roots): the interior nodes that the roots were computed from, newest first; None where they are not
   all of this class. */
static PyObject *ordered_list(PyObject *Py_UNUSED(type), PyObject *roots)
{
    Node **nodes = NULL;
    if (!all_nodes(roots))
        Py_RETURN_NONE;
    Py_ssize_t count = behind(roots, 1, &nodes);
    PyObject *list = count < 0 ? NULL : PyList_New(count);
    for (Py_ssize_t i = 0; list && i < count; i++)
        PyList_SET_ITEM(list, i, Py_NewRef((PyObject *)nodes[i]));
    PyMem_Free(nodes);
    return list;
}

typedef struct {
    Node *input, *user;
} Edge;

/* The edges from inputs that were computed from one of xs, or are one, to their users; the oldest user first. Nothing of
   Python's runs while nodes are marked. */
static Py_ssize_t edges_from(PyObject *roots, PyObject *xs, Edge **edges)
{
    Node **nodes = NULL;
    size_t count = 0, capacity = 0;
    int failed = 0;
    Py_ssize_t n = behind(roots, 1, &nodes);
    if (n < 0)
        return -1;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(xs); i++)
        ((Node *)PyList_GET_ITEM(xs, i))->word |= SEEN;
    for (Py_ssize_t k = n; k-- > 0 && !failed;)
        for (Py_ssize_t i = 0; i < input_count(nodes[k]) && !failed; i++) {
            double c;
            Node *x = input(nodes[k], i, &c);
            if (!x || !(x->word & SEEN))
                continue;
            if (!(failed = grown((void **)edges, &capacity, sizeof(Edge), count + 1) < 0)) {
                (*edges)[count++] = (Edge){x, nodes[k]};
                nodes[k]->word |= SEEN;
            }
        }
    for (Py_ssize_t k = 0; k < n; k++)
        nodes[k]->word &= ~(uint64_t)SEEN;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(xs); i++)
        ((Node *)PyList_GET_ITEM(xs, i))->word &= ~(uint64_t)SEEN;
    PyMem_Free(nodes);
    return failed ? -1 : (Py_ssize_t)count;
}

/* Value._leading(roots, xs): the interior nodes behind the roots that were computed from one of xs, oldest first. */
static PyObject *leading_list(PyObject *Py_UNUSED(type), PyObject *const *args, Py_ssize_t n)
{
    Edge *edges = NULL;
    if (n != 2 || !all_nodes(args[0]) || !all_nodes(args[1]))
        Py_RETURN_NONE;
    Py_ssize_t count = edges_from(args[0], args[1], &edges), kept = 0;
    for (Py_ssize_t k = 0; k < count; k++)
        if (!kept || edges[kept - 1].user != edges[k].user)
            edges[kept++].user = edges[k].user;
    PyObject *list = count < 0 ? NULL : PyList_New(kept);
    for (Py_ssize_t i = 0; list && i < kept; i++)
        PyList_SET_ITEM(list, i, Py_NewRef((PyObject *)edges[i].user));
    PyMem_Free(edges);
    return list;
}

static int add_user(PyObject *first, PyObject *more, PyObject *x, PyObject *v)
{
    PyObject *user = PyDict_SetDefault(first, x, v), *others;
    if (!user || user == v)
        return user ? 0 : -1;
    if (!(others = PyDict_GetItemWithError(more, x))) {
        if (PyErr_Occurred() || !(others = PyList_New(0)))
            return -1;
        int failed = PyDict_SetItem(more, x, others);
        Py_DECREF(others);
        if (failed)
            return -1;
    }
    Py_ssize_t length = PyList_GET_SIZE(others);
    return length && PyList_GET_ITEM(others, length - 1) == v ? 0 : PyList_Append(others, v);
}

/* Value._users(root, value): of each node that leads from the value to the root, the first node that uses it, and where
   there are more of them, a list of the others, oldest first. */
static PyObject *users_dicts(PyObject *Py_UNUSED(type), PyObject *const *args, Py_ssize_t n)
{
    if (n != 2 || !IS_NODE(args[0]) || !IS_NODE(args[1]))
        Py_RETURN_NONE;
    PyObject *roots = Py_BuildValue("[O]", args[0]), *xs = Py_BuildValue("[O]", args[1]);
    PyObject *first = PyDict_New(), *more = PyDict_New(), *answer = NULL;
    Edge *edges = NULL;
    Py_ssize_t count = roots && xs && first && more ? edges_from(roots, xs, &edges) : -1, k = 0;
    while (k < count && add_user(first, more, (PyObject *)edges[k].input, (PyObject *)edges[k].user) == 0)
        k++;
    if (k == count)
        answer = PyTuple_Pack(2, first, more);
    PyMem_Free(edges);
    Py_XDECREF(roots);
    Py_XDECREF(xs);
    Py_XDECREF(first);
    Py_XDECREF(more);
    return answer;
}

/* value._reaches_older(number): whether it was computed from a node that was there before the one of that number */
static PyObject *reaches_older(PyObject *self, PyObject *number)
{
    uint64_t born = PyLong_AsUnsignedLongLong(number);
    int older = NUMBER((Node *)self) < born;
    if (PyErr_Occurred() || older)
        return PyErr_Occurred() ? NULL : PyBool_FromLong(older);
    Node **nodes = NULL;
    PyObject *roots = PyList_New(1);
    if (!roots)
        return NULL;
    PyList_SET_ITEM(roots, 0, Py_NewRef(self));
    Py_ssize_t count = behind(roots, 0, &nodes);
    Py_DECREF(roots);
    for (Py_ssize_t k = 0; k < count && !older; k++)
        for (Py_ssize_t i = 0; i < input_count(nodes[k]) && !older; i++) {
            double c;
            Node *x = input(nodes[k], i, &c);
            older = x && NUMBER(x) < born;
        }
    PyMem_Free(nodes);
    return count < 0 ? NULL : PyBool_FromLong(older);
}
