/* A node: one cache line, no garbage collector's header (a graph of Values has no cycles), freed without recursion. */

typedef struct Node {
    PyObject_HEAD
    double data, grad;
    union {                      /* first input: */
        struct Node *a;          /*   a Value, */
        double ca;               /*   a constant; */
        double sum;              /*   of a leaf: what a running pass has sent it so far; */
        struct {
            uint32_t n;          /*   of a node of any number of inputs: how many, */
            int32_t op;          /*   and the index of its op, -1 for an op of the user's */
        };
    };
    union {                      /* second input: */
        struct Node *b;
        double cb;
        uint64_t pass;           /*   of a leaf: which pass that is, 0 outside one; */
        PyObject *operation;     /*   of a node of any number of inputs: its op */
    };
    uint64_t word;               /* number in the order of creation << 12 | code of op and form << 4 | flags */
    PyObject *extra;             /* an Extra (value.py), or NULL */
} Node;

typedef union { Node *v; double c; } Item;   /* of a node of any number of inputs: they trail it, */
typedef struct {                             /* and behind them one bit each: whether it is a Value */
    Node node;
    Item items[];
} Many;

#define HAS_GRAD 1
#define SEEN 2                       /* by a walk that is under way */
#define BEGUN 4                      /* a thread's last pass began here */
#define NUMBER(v) ((v)->word >> 12)
#define CODE(v) ((int)((v)->word >> 4 & 255))
#define WORD(number, code) ((uint64_t)(number) << 12 | (uint64_t)(code) << 4)
#define ITEMS(v) (((Many *)(v))->items)
#define BITS(v) ((uint64_t *)(ITEMS(v) + (v)->n))
#define IS_VALUE(v, i) (BITS(v)[(i) >> 6] >> ((i) & 63) & 1)
#define WORDS(n) (((size_t)(n) + 63) >> 6)

static PyTypeObject NodeType;
#define IS_NODE(x) (Py_TYPE(x) == &NodeType)

static uint64_t created;             /* the number of the youngest node */
static uint64_t latest_assignment;   /* the number of the leaf whose data was assigned last: older nodes may be stale */

/* ── Memory: nodes made one after the other lie side by side ──────────────────────────────────────────────────

   A chunk is filled from its first place to its last, so that a pass runs through memory in order; when all its nodes
   are free it is filled anew. Only when no chunk is empty are the gaps of others filled. */

#define CHUNK_BYTES ((size_t)1 << 16)
#define PLACES (CHUNK_BYTES / sizeof(Node) - 1)
#define CHUNKS_AT_ONCE 16

typedef struct Chunk {              /* in the first place of its 64 kB, at a multiple of 64 kB */
    struct Chunk *next, *previous;  /* of the empty ones, or of those with gaps */
    Node *gaps;                     /* free places, threaded through their first input */
    size_t used;                    /* places taken, or not reached yet */
} Chunk;

#define CHUNK_OF(v) ((Chunk *)((uintptr_t)(v) & ~(uintptr_t)(CHUNK_BYTES - 1)))
#define FIRST(chunk) ((Node *)(chunk) + 1)

static Node *next_place, *last_place;   /* of the chunk that is being filled */
static Chunk *empty_chunks, gapped = {&gapped, &gapped, NULL, 0};

static int more_chunks(void)
{
    char *raw = PyMem_RawMalloc((CHUNKS_AT_ONCE + 1) * CHUNK_BYTES);
    if (!raw) {
        PyErr_NoMemory();
        return -1;
    }
    char *chunks = (char *)CHUNK_OF(raw + CHUNK_BYTES - 1);
    for (size_t i = CHUNKS_AT_ONCE; i-- > 0;) {
        Chunk *chunk = (Chunk *)(chunks + i * CHUNK_BYTES);
        chunk->next = empty_chunks;
        empty_chunks = chunk;
    }
    return 0;
}

static void list_gaps(Chunk *chunk)
{
    chunk->next = gapped.next;
    chunk->previous = &gapped;
    gapped.next->previous = chunk;
    gapped.next = chunk;
}

static void unlist_gaps(Chunk *chunk)
{
    chunk->previous->next = chunk->next;
    chunk->next->previous = chunk->previous;
}

/* A place, where the chunk that was being filled is full. */
static NOINLINE Node *place_elsewhere(void)
{
    if (last_place) {
        Chunk *full = CHUNK_OF(last_place - 1);
        last_place = next_place = NULL;
        if (full->gaps)
            list_gaps(full);
    }
    if (!empty_chunks && gapped.next != &gapped) {
        Chunk *chunk = gapped.next;
        Node *v = chunk->gaps;
        chunk->gaps = v->a;
        chunk->used++;
        if (!chunk->gaps)
            unlist_gaps(chunk);
        return v;
    }
    if (!empty_chunks && more_chunks() < 0)
        return NULL;
    Chunk *chunk = empty_chunks;
    empty_chunks = chunk->next;
    chunk->gaps = NULL;
    chunk->used = PLACES;
    next_place = FIRST(chunk);
    last_place = next_place + PLACES;
    return next_place++;
}

static inline void free_place(Node *v)
{
    if (v + 1 == next_place) { /* the one made last, as many a result between is */
        next_place = v;
        return;
    }
    Chunk *chunk = CHUNK_OF(v);
    int filling = last_place && chunk == CHUNK_OF(last_place - 1);
    if (!chunk->gaps && !filling)
        list_gaps(chunk);
    v->a = chunk->gaps;
    chunk->gaps = v;
    if (UNLIKELY(!--chunk->used)) {
        if (filling)
            next_place = last_place = NULL;
        else
            unlist_gaps(chunk);
        chunk->next = empty_chunks;
        empty_chunks = chunk;
    }
}

static inline Node *new_node(int code)
{
#ifdef NO_POOL
    Node *v = PyObject_Malloc(sizeof(Node));
    if (!v)
        return (Node *)PyErr_NoMemory();
#else
    Node *v = next_place;
    if (LIKELY(v != last_place))
        next_place = v + 1;
    else if (!(v = place_elsewhere()))
        return NULL;
#endif
    PyObject_Init((PyObject *)v, &NodeType);
    v->grad = 0.0;
    v->word = WORD(++created, code);
    v->extra = NULL;
    return v;
}

/* Nodes of many inputs that are free, by how many, linked by their grad: a layer makes the same ones at every step. */
#define MANY_KEPT 1025
#define BYTES_KEPT ((size_t)1 << 24)

static Node *free_many[MANY_KEPT];
static size_t free_many_bytes;

static inline size_t many_bytes(Py_ssize_t n)
{
    return sizeof(Node) + n * sizeof(Item) + WORDS(n) * sizeof(uint64_t);
}

static Node *new_many(int op, PyObject *operation, Py_ssize_t n)
{
    if (n > UINT32_MAX)
        return (Node *)PyErr_NoMemory();
    Node *v = n < MANY_KEPT ? free_many[n] : NULL;
    if (v) {
        memcpy(&free_many[n], &v->grad, sizeof(Node *));
        free_many_bytes -= many_bytes(n);
    }
    else if (!(v = PyObject_Malloc(many_bytes(n))))
        return (Node *)PyErr_NoMemory();
    PyObject_Init((PyObject *)v, &NodeType);
    v->grad = 0.0;
    v->word = WORD(++created, NARY);
    v->extra = NULL;
    v->n = (uint32_t)n;
    v->op = op;
    v->operation = Py_NewRef(operation);
    memset(BITS(v), 0, WORDS(n) * sizeof(uint64_t));
    return v;
}

static Node *new_leaf(double data)
{
    Node *v = new_node(LEAF);
    if (v) {
        v->data = data;
        v->pass = 0;
    }
    return v;
}

/* ── Where each thread's last pass began, which does not keep the node alive ──────────────────────────────── */

typedef struct {
    uint64_t thread;
    Node *root;
} Begun;

static Begun *begun;
static size_t begun_count, begun_capacity;

static Begun *begun_by(uint64_t thread)
{
    for (size_t i = 0; i < begun_count; i++)
        if (begun[i].thread == thread)
            return begun + i;
    return NULL;
}

static NOINLINE void forget(Node *root)
{
    for (size_t i = begun_count; i-- > 0;)
        if (begun[i].root == root)
            begun[i] = begun[--begun_count];
}

static int remember(Node *root)
{
    uint64_t thread = PyThreadState_GetID(PyThreadState_Get());
    Begun *mine = begun_by(thread);
    if (!mine) {
        if (begun_count == begun_capacity) {
            size_t capacity = begun_capacity ? 2 * begun_capacity : 8;
            Begun *more = PyMem_RawRealloc(begun, capacity * sizeof(Begun));
            if (!more) {
                PyErr_NoMemory();
                return -1;
            }
            begun = more;
            begun_capacity = capacity;
        }
        mine = begun + begun_count++;
        mine->thread = thread;
    }
    mine->root = root;
    root->word |= BEGUN; /* kept where another root takes its place: freed, it is looked for once in vain */
    return 0;
}

static inline void release(Node *v)
{
    if (UNLIKELY(v->word & BEGUN))
        forget(v);
    Py_CLEAR(v->extra);
    if (CODE(v) == NARY) {
        Py_DECREF(v->operation);
#ifndef NO_POOL
        if (v->n < MANY_KEPT && free_many_bytes + many_bytes(v->n) <= BYTES_KEPT) {
            memcpy(&v->grad, &free_many[v->n], sizeof(Node *));
            free_many[v->n] = v;
            free_many_bytes += many_bytes(v->n);
            return;
        }
#endif
        PyObject_Free(v);
        return;
    }
#ifdef NO_POOL
    PyObject_Free(v);
#else
    free_place(v);
#endif
}

/* Let go of an input. One that nobody else holds joins the list of what is to be freed, threaded through grad. */
static inline Node *let_go(Node *x, Node *list)
{
    if (Py_REFCNT(x) > 1) {
        Py_DECREF(x);
        return list;
    }
    if (CODE(x) == LEAF) {
        release(x);
        return list;
    }
    memcpy(&x->grad, &list, sizeof list);
    return x;
}

static void node_dealloc(PyObject *self)
{
    Node *v = (Node *)self, *list = NULL;
    for (;;) {
        int code = CODE(v);
        if (code == NARY) {
            for (Py_ssize_t i = 0; i < v->n; i++)
                if (IS_VALUE(v, i))
                    list = let_go(ITEMS(v)[i].v, list);
        }
        else {
            if (code_rows[code].has_a)
                list = let_go(v->a, list);
            if (code_rows[code].has_b)
                list = let_go(v->b, list);
        }
        release(v);
        if (!list)
            return;
        v = list;
        memcpy(&list, &v->grad, sizeof list);
    }
}

/* ── Inputs, as Python sees them ──────────────────────────────────────────────────────────────────────────── */

static Py_ssize_t input_count(Node *v)
{
    int code = CODE(v);
    return code == LEAF ? 0 : code == NARY ? (Py_ssize_t)v->n : op_rows[code_rows[code].op].arity;
}

/* The i-th input where it is a Value, else NULL and its number in *c. */
static inline Node *input(Node *v, Py_ssize_t i, double *c)
{
    if (CODE(v) == NARY) {
        if (IS_VALUE(v, i))
            return ITEMS(v)[i].v;
        *c = ITEMS(v)[i].c;
        return NULL;
    }
    if (i == 0) {
        if (code_rows[CODE(v)].has_a)
            return v->a;
        *c = v->ca;
        return NULL;
    }
    if (code_rows[CODE(v)].has_b)
        return v->b;
    *c = v->cb;
    return NULL;
}

static PyObject *get_inputs(PyObject *self, void *Py_UNUSED(closure))
{
    Node *v = (Node *)self;
    Py_ssize_t n = input_count(v);
    PyObject *inputs = PyTuple_New(n);
    for (Py_ssize_t i = 0; inputs && i < n; i++) {
        double c = 0.0;
        Node *x = input(v, i, &c);
        PyObject *item = x ? Py_NewRef((PyObject *)x) : PyFloat_FromDouble(c);
        if (!item)
            Py_CLEAR(inputs);
        else
            PyTuple_SET_ITEM(inputs, i, item);
    }
    return inputs;
}

static PyObject *operation_of(Node *v)   /* borrowed; None of a leaf */
{
    int code = CODE(v);
    return code == LEAF ? Py_None : code == NARY ? v->operation : operations[code_rows[code].op];
}
