/* A listing, as program/listing.py has it, in columns of C: written while a program runs (program/recorder.py), read and
   added to by the chain rule (program/gradient.py), and made into code (program/code.py). Those are the reference: the same
   rows in the same order, which tests/test_program.py holds. */

enum { ROW_LEAF = -1, ROW_NUMBER = -2 };   /* in place of an op */
#define USERS (M_DETACH + 1)               /* from here on, ops are those of the user's that the listing holds */

typedef struct {
    int32_t op;
    uint32_t first, count;       /* its inputs among `inputs`: a slot, or ~k for the k-th of `numbers` */
    uint32_t place;              /* twice its place in `places`, and 1 where it raises */
} ListingRow;

typedef struct {                 /* of a template (program/templates.py): a row, or what is sent to an input */
    int32_t op;
    uint32_t first, count;
} TemplateRow;

typedef struct {
    uint32_t rows, sent;
    TemplateRow *row;
    int32_t *refs;               /* of the rows; then a pair an input: condition, contribution */
    double *numbers;
} CTemplate;

#define NOTHING INT32_MIN        /* in a pair: no condition, or nothing sent */

typedef struct { Node *node; int32_t slot; } Known;
typedef struct { PyObject *code; int lasti, direct; uint32_t place; } Site;

typedef struct {                 /* while it is written */
    Known *known;
    size_t known_count, known_room;
    Site *sites;
    size_t site_count, site_room;
    uint64_t born;               /* older nodes are from outside */
    PyObject *strange;           /* called with a Value that came from elsewhere */
} Writing;

typedef struct Listing {
    PyObject_HEAD
    ListingRow *rows;
    size_t count, room;
    int32_t *inputs;
    size_t input_count, input_room;
    double *numbers;
    size_t number_count, number_room;
    double *data;                /* of each row in this run, while it is written */
    size_t data_room;
    PyObject *places, *others, *leaves, *captured;   /* lists; a place's first is None */
    Writing *writing;
} Listing;

static PyTypeObject ListingType;
static PyObject *program_ops[USERS - N_OPS];   /* the Ops that only programs have, in the order of machine_ops */
static struct { PyObject *here, *inside, *ours, *careful, *folded, *template, *has_choices, *function, *instruction; } ask;
static char never_raises[USERS];

/* ── Rows ─────────────────────────────────────────────────────────────────────────────────────────────────── */

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* A number as an input; INT32_MAX without memory. */
static int32_t number_input(Listing *l, double x)
{
    for (size_t k = l->number_count, last = k < 8 ? 0 : k - 8; k-- > last;)
        if (bits_of(l->numbers[k]) == bits_of(x))
            return ~(int32_t)k;
    if (grown((void **)&l->numbers, &l->number_room, sizeof(double), l->number_count + 1) < 0)
        return INT32_MAX;
    l->numbers[l->number_count] = x;
    return ~(int32_t)l->number_count++;
}

/* A row with room for so many inputs, which the caller fills in; -1 without memory. */
static int32_t new_row(Listing *l, int32_t op, size_t count, uint32_t place, int raises)
{
    if (l->count >= INT32_MAX - 1 || l->input_count + count >= UINT32_MAX) {
        PyErr_NoMemory();
        return -1;
    }
    if (grown((void **)&l->rows, &l->room, sizeof *l->rows, l->count + 1) < 0
        || grown((void **)&l->inputs, &l->input_room, sizeof *l->inputs, l->input_count + count) < 0)
        return -1;
    l->rows[l->count] = (ListingRow){op, (uint32_t)l->input_count, (uint32_t)count, place << 1 | !!raises};
    l->input_count += count;
    return (int32_t)l->count++;
}

static inline int32_t *row_inputs(Listing *l, size_t k) { return l->inputs + l->rows[k].first; }

/* The number of an op in listings; -1 without memory. */
static int32_t listed_op(Listing *l, PyObject *operation)
{
    int op = op_index(operation);
    if (op >= 0)
        return op;
    for (int i = 0; i < USERS - N_OPS; i++)
        if (program_ops[i] == operation)
            return N_OPS + i;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(l->others); i++)
        if (PyList_GET_ITEM(l->others, i) == operation)
            return USERS + (int32_t)i;
    if (PyList_Append(l->others, operation) < 0)
        return -1;
    return USERS + (int32_t)PyList_GET_SIZE(l->others) - 1;
}

static PyObject *op_object(Listing *l, int32_t op) /* borrowed */
{
    return op < 0 ? Py_None : op < N_OPS ? operations[op] : op < USERS ? program_ops[op - N_OPS]
           : PyList_GET_ITEM(l->others, op - USERS);
}

/* An input as Python has it: an int, or a float. */
static PyObject *input_object(Listing *l, int32_t x)
{
    return x >= 0 ? PyLong_FromLong(x) : PyFloat_FromDouble(l->numbers[~x]);
}

static PyObject *inputs_object(Listing *l, size_t k)
{
    PyObject *inputs = PyTuple_New(l->rows[k].count);
    for (uint32_t i = 0; inputs && i < l->rows[k].count; i++) {
        PyObject *x = input_object(l, row_inputs(l, k)[i]);
        if (!x)
            Py_CLEAR(inputs);
        else
            PyTuple_SET_ITEM(inputs, i, x);
    }
    return inputs;
}

/* An input that Python gives: INT32_MAX where it is none, with an error set. */
static int32_t input_from(Listing *l, PyObject *x)
{
    if (PyFloat_CheckExact(x))
        return number_input(l, PyFloat_AS_DOUBLE(x));
    long slot = PyLong_Check(x) ? PyLong_AsLong(x) : -1;
    if (slot < 0 || (size_t)slot >= l->count) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_TypeError, "a listing of %zu rows has no input %R", l->count, x);
        return INT32_MAX;
    }
    return (int32_t)slot;
}

static int32_t place_number(Listing *l, PyObject *place)
{
    if (place == Py_None)
        return 0;
    Py_ssize_t last = PyList_GET_SIZE(l->places) - 1;
    if (PyList_GET_ITEM(l->places, last) == place)
        return (int32_t)last;
    return PyList_Append(l->places, place) < 0 ? -1 : (int32_t)last + 1;
}

static Listing *empty_listing(Listing *like)
{
    Listing *l = PyObject_New(Listing, &ListingType);
    if (!l)
        return NULL;
    memset((char *)l + sizeof(PyObject), 0, sizeof *l - sizeof(PyObject));
    l->places = like ? Py_NewRef(like->places) : PyList_New(0);
    l->others = like ? Py_NewRef(like->others) : PyList_New(0);
    l->leaves = PyList_New(0);
    l->captured = PyList_New(0);
    if (!l->places || !l->others || !l->leaves || !l->captured || (!like && PyList_Append(l->places, Py_None) < 0))
        Py_CLEAR(l);
    return l;
}

static void stop_writing(Listing *l)
{
    Writing *w = l->writing;
    if (!w)
        return;
    l->writing = NULL;
    if (written == l)
        written = NULL;
    for (size_t i = 0; i < w->known_room; i++)
        Py_XDECREF(w->known[i].node);
    for (size_t i = 0; i < w->site_room; i++)
        Py_XDECREF(w->sites[i].code);
    Py_XDECREF(w->strange);
    PyMem_RawFree(w->known);
    PyMem_RawFree(w->sites);
    PyMem_RawFree(w);
}

static void listing_dealloc(PyObject *self)
{
    Listing *l = (Listing *)self;
    stop_writing(l);
    PyMem_Free(l->rows);
    PyMem_Free(l->inputs);
    PyMem_Free(l->numbers);
    PyMem_Free(l->data);
    Py_XDECREF(l->places);
    Py_XDECREF(l->others);
    Py_XDECREF(l->leaves);
    Py_XDECREF(l->captured);
    PyObject_Free(l);
}

static PyObject *listing_new(PyTypeObject *Py_UNUSED(type), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"leaves", NULL};
    Py_ssize_t leaves = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|n", names, &leaves))
        return NULL;
    Listing *l = empty_listing(NULL);
    while (l && leaves-- > 0)
        if (new_row(l, ROW_LEAF, 0, 0, 0) < 0)
            Py_CLEAR(l);
    return (PyObject *)l;
}

static Py_ssize_t listing_length(PyObject *self) { return (Py_ssize_t)((Listing *)self)->count; }

/* listing.add(op, inputs=(), place=None, raises=False) */
static PyObject *listing_add(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Listing *l = (Listing *)self;
    PyObject *inputs = n > 1 ? args[1] : NULL;
    if (n < 1 || n > 4 || (inputs && !PyTuple_Check(inputs))) {
        PyErr_SetString(PyExc_TypeError, "listing.add(op, inputs, place, raises) takes an op and a tuple");
        return NULL;
    }
    int raises = n > 3 ? PyObject_IsTrue(args[3]) : 0;
    int32_t place = n > 2 ? place_number(l, args[2]) : 0;
    Py_ssize_t count = inputs ? PyTuple_GET_SIZE(inputs) : 0;
    int32_t op = args[0] == Py_None ? (count ? ROW_NUMBER : ROW_LEAF) : listed_op(l, args[0]);
    if (raises < 0 || place < 0 || (op == -1 && PyErr_Occurred()))
        return NULL;
    size_t at = l->input_count;
    if (grown((void **)&l->inputs, &l->input_room, sizeof *l->inputs, at + count) < 0)
        return NULL;
    for (Py_ssize_t i = 0; i < count; i++)
        if ((l->inputs[at + i] = input_from(l, PyTuple_GET_ITEM(inputs, i))) == INT32_MAX)
            return NULL;
    int32_t slot = new_row(l, op, count, (uint32_t)place, raises);
    return slot < 0 ? NULL : PyLong_FromLong(slot);
}

/* listing.row(k): its op, inputs, place, and whether it raises */
static PyObject *listing_row(PyObject *self, PyObject *x)
{
    Listing *l = (Listing *)self;
    Py_ssize_t k = PyLong_AsSsize_t(x);
    if (k < 0 || (size_t)k >= l->count) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_IndexError, "a listing of %zu rows has no row %R", l->count, x);
        return NULL;
    }
    PyObject *inputs = inputs_object(l, k);
    if (!inputs)
        return NULL;
    uint32_t place = l->rows[k].place;
    return Py_BuildValue("ONOO", op_object(l, l->rows[k].op), inputs, PyList_GET_ITEM(l->places, place >> 1),
                         place & 1 ? Py_True : Py_False);
}

static int copied_columns(Listing *to, Listing *from)
{
    if (grown((void **)&to->rows, &to->room, sizeof *to->rows, from->count) < 0
        || grown((void **)&to->inputs, &to->input_room, sizeof *to->inputs, from->input_count) < 0
        || grown((void **)&to->numbers, &to->number_room, sizeof *to->numbers, from->number_count) < 0)
        return -1;
    if (from->count)
        memcpy(to->rows, from->rows, from->count * sizeof *to->rows);
    if (from->input_count)
        memcpy(to->inputs, from->inputs, from->input_count * sizeof *to->inputs);
    if (from->number_count)
        memcpy(to->numbers, from->numbers, from->number_count * sizeof *to->numbers);
    to->count = from->count;
    to->input_count = from->input_count;
    to->number_count = from->number_count;
    return 0;
}

static PyObject *listing_copy(PyObject *self, PyObject *Py_UNUSED(none))
{
    Listing *twin = empty_listing((Listing *)self);
    if (twin && copied_columns(twin, (Listing *)self) < 0)
        Py_CLEAR(twin);
    return (PyObject *)twin;
}

/* listing.with_leaf(leaves): a copy with one leaf more, after so many leaves */
static PyObject *listing_with_leaf(PyObject *self, PyObject *x)
{
    Listing *l = (Listing *)self;
    Py_ssize_t leaves = PyLong_AsSsize_t(x);
    if (leaves < 0 || (size_t)leaves > l->count)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_IndexError, "a listing of %zu rows", l->count);
    Listing *twin = empty_listing(l);
    if (!twin)
        return NULL;
    if (copied_columns(twin, l) < 0 || new_row(twin, ROW_LEAF, 0, 0, 0) < 0) {
        Py_DECREF(twin);
        return NULL;
    }
    memmove(twin->rows + leaves + 1, twin->rows + leaves, (l->count - leaves) * sizeof *twin->rows);
    twin->rows[leaves] = (ListingRow){ROW_LEAF, 0, 0, 0};
    for (size_t i = 0; i < twin->input_count; i++)
        twin->inputs[i] += twin->inputs[i] >= leaves;
    return (PyObject *)twin;
}

static PyObject *listing_is_same(PyObject *self, PyObject *other)
{
    Listing *p = (Listing *)self, *q = (Listing *)other;
    if (!Py_IS_TYPE(other, &ListingType) || p->count != q->count || p->input_count != q->input_count)
        Py_RETURN_FALSE;
    for (size_t k = 0; k < p->count; k++) {
        ListingRow *r = p->rows + k, *s = q->rows + k;
        if (op_object(p, r->op) != op_object(q, s->op) || (r->op < 0) != (s->op < 0) || r->count != s->count
            || (r->place & 1) != (s->place & 1))
            Py_RETURN_FALSE;
        for (uint32_t i = 0; i < r->count; i++) {
            int32_t x = row_inputs(p, k)[i], y = row_inputs(q, k)[i];
            if ((x < 0) != (y < 0) || (x >= 0 ? x != y : bits_of(p->numbers[~x]) != bits_of(q->numbers[~y])))
                Py_RETURN_FALSE;
        }
    }
    Py_RETURN_TRUE;
}

/* listing.only(leaves, roots) */
static PyObject *listing_only(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Listing *l = (Listing *)self, *to = NULL;
    PyObject *leaves = n == 2 ? PySequence_Fast(args[0], "leaves") : NULL;
    PyObject *roots = leaves ? PySequence_Fast(args[1], "roots") : NULL, *places = NULL, *answer = NULL;
    int32_t *moved = PyMem_RawMalloc((l->count + 1) * sizeof *moved);   /* -1: not needed; -2: needed */
    if (!roots || !moved || !(to = empty_listing(l)) || !(places = PyList_New(PySequence_Fast_GET_SIZE(roots))))
        goto done;
    for (size_t k = 0; k < l->count; k++)
        moved[k] = -1;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(roots); i++) {
        int32_t x = input_from(l, PySequence_Fast_GET_ITEM(roots, i));
        if (x == INT32_MAX)
            goto done;
        if (x >= 0)
            moved[x] = -2;
    }
    for (size_t k = l->count; k-- > 0;)
        if (moved[k] == -2 && l->rows[k].op >= 0)
            for (uint32_t i = 0; i < l->rows[k].count; i++)
                if (row_inputs(l, k)[i] >= 0)
                    moved[row_inputs(l, k)[i]] = -2;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(leaves); i++) {
        int32_t x = input_from(l, PySequence_Fast_GET_ITEM(leaves, i));
        if (x == INT32_MAX || (moved[x] = new_row(to, ROW_LEAF, 0, 0, 0)) < 0)
            goto done;
    }
    for (size_t k = 0; k < l->count; k++) {
        ListingRow *r = l->rows + k;
        if (moved[k] != -2 || r->op < 0)
            continue;
        size_t at = to->input_count;
        if (grown((void **)&to->inputs, &to->input_room, sizeof *to->inputs, at + r->count) < 0)
            goto done;
        for (uint32_t i = 0; i < r->count; i++) {
            int32_t x = row_inputs(l, k)[i];
            if (x >= 0 && l->rows[x].op == ROW_NUMBER)
                x = row_inputs(l, x)[0];
            to->inputs[at + i] = x >= 0 ? moved[x] : number_input(to, l->numbers[~x]);
            if (to->inputs[at + i] == INT32_MAX)
                goto done;
        }
        if ((moved[k] = new_row(to, r->op, r->count, r->place >> 1, r->place & 1)) < 0)
            goto done;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(places); i++) {
        int32_t x = input_from(l, PySequence_Fast_GET_ITEM(roots, i));
        if (x >= 0 && l->rows[x].op == ROW_NUMBER)
            x = row_inputs(l, x)[0];
        PyObject *place = x >= 0 ? PyLong_FromLong(moved[x]) : PyFloat_FromDouble(l->numbers[~x]);
        if (!place)
            goto done;
        PyList_SET_ITEM(places, i, place);
    }
    answer = PyTuple_Pack(2, to, places);
done:
    if (!moved)
        PyErr_NoMemory();
    PyMem_RawFree(moved);
    Py_XDECREF(leaves);
    Py_XDECREF(roots);
    Py_XDECREF(places);
    Py_XDECREF(to);
    return answer;
}

/* ── Writing it while a program runs ──────────────────────────────────────────────────────────────────────── */

static size_t spread(uintptr_t pointer) { return (size_t)((pointer >> 4) * 0x9E3779B97F4A7C15u >> 20); }

static Known *known_of(Writing *w, Node *v)
{
    size_t mask = w->known_room - 1, i = spread((uintptr_t)v) & mask;
    while (w->known[i].node && w->known[i].node != v)
        i = (i + 1) & mask;
    return w->known + i;
}

/* From here on, the slot is where the Value is. */
static int note(Listing *l, Node *v, int32_t slot)
{
    Writing *w = l->writing;
    Known *here = known_of(w, v);
    if (!here->node) {
        here->node = (Node *)Py_NewRef((PyObject *)v);
        w->known_count++;
    }
    here->slot = slot;
    if (2 * w->known_count < w->known_room)
        return 0;
    size_t room = 2 * w->known_room;
    Known *old = w->known, *more = PyMem_RawCalloc(room, sizeof *more);
    if (!more) {
        PyErr_NoMemory();
        return -1;
    }
    w->known = more;
    size_t before = w->known_room;
    w->known_room = room;
    for (size_t i = 0; i < before; i++)
        if (old[i].node)
            *known_of(w, old[i].node) = old[i];
    PyMem_RawFree(old);
    return 0;
}

/* Where the program is: modes.here(), its lines numbered. */
static int32_t place_here(Listing *l)
{
    Writing *w = l->writing;
    PyFrameObject *frame = PyEval_GetFrame();
    int direct = 1;
    Py_XINCREF(frame);
    while (frame) {
        PyCodeObject *code = PyFrame_GetCode(frame);
        PyObject *inside = PyDict_GetItem(ask.inside, code->co_filename);   /* borrowed */
        Py_DECREF(code);   /* the frame holds it */
        if (!inside)
            break;
        if (!PyUnicode_GET_LENGTH(inside)) {
            int lasti = PyFrame_GetLasti(frame);
            Py_DECREF(frame);
            size_t mask = w->site_room - 1, i = (spread((uintptr_t)code) + (size_t)lasti * 31 + direct) & mask;
            for (; w->sites[i].code; i = (i + 1) & mask)
                if (w->sites[i].code == (PyObject *)code && w->sites[i].lasti == lasti && w->sites[i].direct == direct)
                    return (int32_t)w->sites[i].place;
            PyObject *place = Py_BuildValue("OiO", code, lasti, direct ? Py_True : Py_False);
            int32_t number = place ? place_number(l, place) : -1;
            Py_XDECREF(place);
            if (number >= 0 && 2 * ++w->site_count < w->site_room)
                w->sites[i] = (Site){Py_NewRef((PyObject *)code), lasti, direct, (uint32_t)number};
            else if (number >= 0)
                w->site_count--;   /* full: such a line is noted once an op, which costs memory alone */
            return number;
        }
        direct = direct && inside == ask.ours;
        PyFrameObject *back = PyFrame_GetBack(frame);
        Py_DECREF(frame);
        frame = back;
    }
    Py_XDECREF(frame);
    PyObject *place = PyObject_CallNoArgs(ask.here);   /* of a file that is not known yet */
    int32_t number = place ? place_number(l, place) : -1;
    Py_XDECREF(place);
    return number;
}

static int32_t put(Listing *l, int32_t op, size_t count, int32_t place, int raises, double data)
{
    if (place < 0 || grown((void **)&l->data, &l->data_room, sizeof(double), l->count + 1) < 0)
        return -1;
    l->data[l->count] = data;
    return new_row(l, op, count, (uint32_t)place, raises);
}

/* Where a Value is: a leaf that is older than the call is captured, a younger one is a number. */
static int32_t slot_of(Listing *l, Node *v)
{
    Writing *w = l->writing;
    Known *here = known_of(w, v);
    if (here->node)
        return here->slot;
    int32_t slot;
    if (NUMBER(v) < w->born) {
        if ((slot = put(l, ROW_LEAF, 0, 0, 0, v->data)) < 0 || PyList_Append(l->captured, (PyObject *)v) < 0)
            return -1;
        PyObject *number = PyLong_FromLong(slot);
        int failed = !number || PyList_Append(l->leaves, number) < 0;
        Py_XDECREF(number);
        if (failed)
            return -1;
    }
    else {
        int32_t number = number_input(l, v->data);
        if (number == INT32_MAX || (slot = put(l, ROW_NUMBER, 1, 0, 0, v->data)) < 0)
            return -1;
        row_inputs(l, slot)[0] = number;
        if (CODE(v) != LEAF) {
            PyObject *done = PyObject_CallOneArg(w->strange, (PyObject *)v);
            Py_XDECREF(done);
            if (!done)
                return -1;
        }
    }
    return note(l, v, slot) < 0 ? -1 : slot;
}

/* Add the row of a node that an op has just made. */
static int write_down(Node *v)
{
    Listing *l = written;
    Py_ssize_t n = input_count(v);
    int code = CODE(v);
    int32_t few[FEW], *inputs = few, op = code == NARY ? listed_op(l, v->operation) : code_rows[code].op;
    if (n > FEW && !(inputs = PyMem_RawMalloc(n * sizeof *inputs))) {
        PyErr_NoMemory();
        return -1;
    }
    int failed = op < 0;
    for (Py_ssize_t i = 0; !failed && i < n; i++) {
        double c = 0.0;
        Node *x = input(v, i, &c);
        inputs[i] = x ? slot_of(l, x) : number_input(l, c);
        failed = inputs[i] == (x ? -1 : INT32_MAX);
    }
    int32_t slot = failed ? -1 : put(l, op, n, place_here(l), 1, v->data);
    if (slot >= 0 && n)
        memcpy(row_inputs(l, slot), inputs, n * sizeof *inputs);
    if (inputs != few)
        PyMem_RawFree(inputs);
    return slot < 0 ? -1 : note(l, v, slot);
}

/* listing.begin(inputs, strange): leaves for Values that stand for inputs; what is younger than now is the function's */
static PyObject *listing_begin(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Listing *l = (Listing *)self;
    PyObject *values = n == 2 ? PySequence_Fast(args[0], "Values") : NULL;
    if (!values || l->writing) {
        Py_XDECREF(values);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "listing.begin(inputs, strange) begins a recording, once");
        return NULL;
    }
    Writing *w = PyMem_RawCalloc(1, sizeof *w);
    if (w) {
        w->known_room = 1024;
        w->site_room = 4096;
        w->known = PyMem_RawCalloc(w->known_room, sizeof *w->known);
        w->sites = PyMem_RawCalloc(w->site_room, sizeof *w->sites);
        w->strange = Py_NewRef(args[1]);
        w->born = created + 1;
        l->writing = w;
    }
    if (!w || !w->known || !w->sites) {
        if (w && !w->known)
            w->known_room = 0;
        if (w && !w->sites)
            w->site_room = 0;
        stop_writing(l);
        Py_DECREF(values);
        return PyErr_NoMemory();
    }
    int failed = 0;
    for (Py_ssize_t i = 0; !failed && i < PySequence_Fast_GET_SIZE(values); i++) {
        PyObject *x = PySequence_Fast_GET_ITEM(values, i);
        if (!IS_NODE(x)) {
            PyErr_Format(PyExc_TypeError, "listing.begin: %R is no Value", x);
            failed = 1;
            break;
        }
        int32_t slot = put(l, ROW_LEAF, 0, 0, 0, ((Node *)x)->data);
        PyObject *number = slot < 0 ? NULL : PyLong_FromLong(slot);
        failed = !number || PyList_Append(l->leaves, number) < 0 || (!known_of(w, (Node *)x)->node && note(l, (Node *)x, slot) < 0);
        Py_XDECREF(number);
    }
    Py_DECREF(values);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

/* listing.attach(on): whether this thread's ops are added to it */
static PyObject *listing_attach(PyObject *self, PyObject *on)
{
    int wanted = PyObject_IsTrue(on);
    if (wanted < 0)
        return NULL;
    if (wanted && !((Listing *)self)->writing) {
        PyErr_SetString(PyExc_TypeError, "listing.attach: it has not begun");
        return NULL;
    }
    written = wanted ? (Listing *)self : NULL;
    Py_RETURN_NONE;
}

/* listing.end(): forget the Values */
static PyObject *listing_end(PyObject *self, PyObject *Py_UNUSED(none))
{
    stop_writing((Listing *)self);
    Py_RETURN_NONE;
}

static int is_written(Listing *l)
{
    if (!l->writing)
        PyErr_SetString(PyExc_TypeError, "the listing is not being written");
    return l->writing != NULL;
}

/* listing.slot(value) */
static PyObject *listing_slot(PyObject *self, PyObject *x)
{
    if (!is_written((Listing *)self))
        return NULL;
    if (!IS_NODE(x))
        return PyErr_Format(PyExc_TypeError, "listing.slot: %R is no Value", x);
    int32_t slot = slot_of((Listing *)self, (Node *)x);
    return slot < 0 ? NULL : PyLong_FromLong(slot);
}

/* listing.note(value, slot) */
static PyObject *listing_note(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Listing *l = (Listing *)self;
    if (!is_written(l))
        return NULL;
    int32_t slot = n == 2 && IS_NODE(args[0]) ? input_from(l, args[1]) : -1;
    if (slot < 0 || slot == INT32_MAX) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "listing.note(value, slot) takes a Value and a slot");
        return NULL;
    }
    if (note(l, (Node *)args[0], slot) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* listing.number(slot): what it is in this run; listing.set_numbers(numbers): what the last rows are */
static PyObject *listing_number(PyObject *self, PyObject *x)
{
    Listing *l = (Listing *)self;
    int32_t slot = is_written(l) ? input_from(l, x) : INT32_MAX;
    if (slot < 0 || slot == INT32_MAX)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "listing.number: %R is no slot", x);
    return PyFloat_FromDouble(l->data[slot]);
}

static PyObject *listing_set_number(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Listing *l = (Listing *)self;
    int32_t slot = n == 2 && is_written(l) ? input_from(l, args[0]) : INT32_MAX;
    double data = n == 2 ? PyFloat_AsDouble(args[1]) : 0.0;
    if (PyErr_Occurred() || slot < 0 || slot == INT32_MAX)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "listing.set_number(slot, number)");
    if (grown((void **)&l->data, &l->data_room, sizeof(double), l->count) < 0)
        return NULL;
    l->data[slot] = data;
    Py_RETURN_NONE;
}

static PyObject *listing_get_leaves(PyObject *self, void *Py_UNUSED(c)) { return Py_NewRef(((Listing *)self)->leaves); }
static PyObject *listing_get_captured(PyObject *self, void *Py_UNUSED(c))
{
    return Py_NewRef(((Listing *)self)->captured);
}

/* listing.raising(): the slots of rows of the function's own whose ops may raise */
static PyObject *listing_raising(PyObject *self, PyObject *Py_UNUSED(none))
{
    Listing *l = (Listing *)self;
    PyObject *slots = PyList_New(0);
    for (size_t k = 0; slots && k < l->count; k++)
        if (l->rows[k].place & 1 && (l->rows[k].op >= USERS || !never_raises[l->rows[k].op])) {
            PyObject *slot = PyLong_FromSize_t(k);
            if (!slot || PyList_Append(slots, slot) < 0)
                Py_CLEAR(slots);
            Py_XDECREF(slot);
        }
    return slots;
}
