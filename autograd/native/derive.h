/* The chain rule on a listing: program/gradient.py's, in C, with the same rows in the same order; and code, program/code.py's.
   Templates come from there, made of the text of rules.py: no rule is written here. */

#define ALWAYS (-1)
#define NEVER (-2)

typedef struct { int32_t exists, total; } Reached;       /* exists: a slot, ALWAYS or NEVER */
typedef struct { int32_t to, contribution, exists; } Aim;

typedef struct {
    Listing *listing;
    Reached *sums;
    char *live;
    size_t count;              /* of the rows that there were */
    PyObject *templates;       /* by key: capsules */
    CTemplate *near[USERS][9]; /* of one or two inputs, none of them a number to go by: no such input, wanted, unwanted */
    unsigned char *by_numbers; /* of a built-in op: how many templates go by numbers */
    int32_t *numbers;          /* of a template, while it is filled in */
    size_t numbers_room;
    Aim *aims;
    size_t aims_room;
} Derivation;

static char choices[USERS];    /* 1: the op's rule has choices, 2: it has none, 0: not known yet */
#define MOST_TEMPLATES 64

static void free_template(CTemplate *t)
{
    PyMem_RawFree(t->row);
    PyMem_RawFree(t->refs);
    PyMem_RawFree(t->numbers);
    PyMem_RawFree(t);
}

static void free_capsule(PyObject *capsule) { free_template(PyCapsule_GetPointer(capsule, NULL)); }

/* A template as Python has it. */
static CTemplate *template_of(Listing *l, PyObject *made, uint32_t inputs)
{
    PyObject *rows = PyTuple_GetItem(made, 0), *sent = rows ? PyTuple_GetItem(made, 1) : NULL;
    if (!sent || !PyTuple_Check(rows) || !PyTuple_Check(sent) || PyTuple_GET_SIZE(sent) != inputs) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "a template is rows and what is sent");
        return NULL;
    }
    size_t count = PyTuple_GET_SIZE(rows), refs = 2 * inputs, constants = 0;
    for (size_t r = 0; r < count; r++)
        refs += PyTuple_Size(PyTuple_GetItem(PyTuple_GET_ITEM(rows, r), 1));
    if (PyErr_Occurred())
        return NULL;
    CTemplate *t = PyMem_RawCalloc(1, sizeof *t);
    if (!t)
        return (CTemplate *)PyErr_NoMemory();
    t->rows = (uint32_t)count;
    t->sent = inputs;
    t->row = PyMem_RawMalloc((count + 1) * sizeof *t->row);
    t->refs = PyMem_RawMalloc((refs + 1) * sizeof *t->refs);
    t->numbers = PyMem_RawMalloc((refs + 1) * sizeof *t->numbers);
    if (!t->row || !t->refs || !t->numbers) {
        free_template(t);
        return (CTemplate *)PyErr_NoMemory();
    }
    size_t at = 0;
    for (size_t r = 0; r <= count; r++) {
        PyObject *pair = r < count ? PyTuple_GET_ITEM(rows, r) : NULL, *xs = pair ? PyTuple_GET_ITEM(pair, 1) : sent;
        Py_ssize_t n = PyTuple_GET_SIZE(xs);
        if (pair) {
            int32_t op = listed_op(l, PyTuple_GET_ITEM(pair, 0));
            if (op < 0)
                goto failed;
            t->row[r] = (TemplateRow){op, (uint32_t)at, (uint32_t)n};
        }
        for (Py_ssize_t i = 0; i < (pair ? n : 2 * n); i++) {
            PyObject *x = PyTuple_GET_ITEM(xs, pair ? i : i / 2);
            if (!pair && x != Py_None)
                x = PyTuple_GetItem(x, i % 2);
            if (!x)
                goto failed;
            if (x == Py_None)
                t->refs[at++] = NOTHING;
            else if (PyFloat_CheckExact(x)) {
                t->numbers[constants] = PyFloat_AS_DOUBLE(x);
                t->refs[at++] = ~(int32_t)constants++;
            }
            else
                t->refs[at++] = (int32_t)PyLong_AsLong(x);
        }
    }
    if (!PyErr_Occurred())
        return t;
failed:
    free_template(t);
    return NULL;
}

/* Ask Python for a template: given holds numbers to go by, or None. */
static CTemplate *asked_template(Derivation *p, int32_t op, const int32_t *inputs, uint32_t n, int by_numbers)
{
    PyObject *given = PyTuple_New(n), *wanted = PyTuple_New(n), *made = NULL;
    CTemplate *t = NULL;
    for (uint32_t i = 0; given && wanted && i < n; i++) {
        int32_t x = inputs[i];
        PyObject *number = x < 0 && by_numbers ? PyFloat_FromDouble(p->listing->numbers[~x]) : Py_NewRef(Py_None);
        if (!number)
            goto done;
        PyTuple_SET_ITEM(given, i, number);
        PyTuple_SET_ITEM(wanted, i, PyBool_FromLong(x >= 0 && p->live[x]));
    }
    if (given && wanted)
        made = PyObject_CallFunctionObjArgs(ask.template, op_object(p->listing, op), given, wanted, NULL);
    if (made)
        t = template_of(p->listing, made, n);
done:
    Py_XDECREF(given);
    Py_XDECREF(wanted);
    Py_XDECREF(made);
    return t;
}

static int has_choices(Listing *l, int32_t op)
{
    if (op >= USERS)
        return 1;
    if (!choices[op]) {
        PyObject *answer = PyObject_CallOneArg(ask.has_choices, op_object(l, op));
        int has = answer ? PyObject_IsTrue(answer) : -1;
        Py_XDECREF(answer);
        if (has < 0)
            return -1;
        choices[op] = has ? 1 : 2;
    }
    return choices[op] == 1;
}

static CTemplate *find_template(Derivation *p, size_t k)
{
    Listing *l = p->listing;
    ListingRow *r = l->rows + k;
    const int32_t op = r->op, *inputs = row_inputs(l, k);
    int any_number = 0, by_numbers = 0;
    for (uint32_t i = 0; i < r->count; i++)
        any_number |= inputs[i] < 0;
    if (any_number && (by_numbers = has_choices(l, op)) < 0)
        return NULL;
    CTemplate **near = NULL;
    if (r->count <= 2 && op < USERS && !by_numbers) {
        unsigned kind = 0;
        for (uint32_t i = 0; i < r->count; i++)
            kind = 3 * kind + (inputs[i] >= 0 && p->live[inputs[i]] ? 1 : 2);
        near = &p->near[op][kind];
        if (*near)
            return *near;
    }
    for (;; by_numbers = 0) {
        size_t bytes = sizeof op + r->count * (1 + (by_numbers ? sizeof(double) : 0));
        PyObject *key = PyBytes_FromStringAndSize(NULL, bytes);
        if (!key)
            return NULL;
        char *at = PyBytes_AS_STRING(key);
        memcpy(at, &op, sizeof op);
        at += sizeof op;
        for (uint32_t i = 0; i < r->count; i++) {
            double number = inputs[i] < 0 ? l->numbers[~inputs[i]] : 0.0;
            *at++ = inputs[i] < 0 ? (by_numbers ? 3 : 2) : p->live[inputs[i]];
            if (by_numbers) {
                memcpy(at, &number, sizeof number);
                at += sizeof number;
            }
        }
        PyObject *known = PyDict_GetItem(p->templates, key);
        if (known) {
            Py_DECREF(key);
            return PyCapsule_GetPointer(known, NULL);
        }
        if (by_numbers && op < USERS && p->by_numbers[op] == MOST_TEMPLATES) {
            Py_DECREF(key);
            continue;
        }
        if (by_numbers && op < USERS)
            p->by_numbers[op]++;
        CTemplate *t = asked_template(p, op, inputs, r->count, by_numbers);
        PyObject *capsule = t ? PyCapsule_New(t, NULL, free_capsule) : NULL;
        int failed = !capsule || PyDict_SetItem(p->templates, key, capsule) < 0;
        if (t && !capsule)
            free_template(t);
        Py_XDECREF(capsule);
        Py_DECREF(key);
        if (failed)
            return NULL;
        if (near)
            *near = t;
        return t;
    }
}

/* What an op of numbers comes to in IEEE arithmetic: INT32_MAX where that fails. */
static int32_t of_numbers(Listing *l, int32_t op, const int32_t *inputs, size_t n)
{
    PyObject *xs = PyList_New(n), *made = NULL;
    for (size_t i = 0; xs && i < n; i++) {
        PyObject *x = PyFloat_FromDouble(l->numbers[~inputs[i]]);
        if (!x)
            Py_CLEAR(xs);
        else
            PyList_SET_ITEM(xs, i, x);
    }
    if (xs)
        made = PyObject_CallFunctionObjArgs(ask.careful, op_object(l, op), xs, NULL);
    double number = made ? PyFloat_AsDouble(made) : 0.0;
    Py_XDECREF(xs);
    Py_XDECREF(made);
    return PyErr_Occurred() ? INT32_MAX : number_input(l, number);
}

/* A row's slot; of numbers alone, and of a choice that is known, what it comes to. */
static int32_t emit(Listing *l, int32_t op, const int32_t *inputs, size_t n)
{
    size_t i = 0;
    while (i < n && inputs[i] < 0)
        i++;
    if (i == n)
        return of_numbers(l, op, inputs, n);
    if (op == M_SELECT && inputs[0] < 0)
        return inputs[l->numbers[~inputs[0]] != 0.0 ? 1 : 2];
    int32_t slot = new_row(l, op, n, 0, 0);
    if (slot < 0)
        return INT32_MAX;
    memcpy(row_inputs(l, slot), inputs, n * sizeof *inputs);
    return slot;
}

static int32_t emit2(Listing *l, int32_t op, int32_t a, int32_t b)
{
    int32_t inputs[2] = {a, b};
    return emit(l, op, inputs, 2);
}

static int32_t emit3(Listing *l, int32_t op, int32_t a, int32_t b, int32_t c)
{
    int32_t inputs[3] = {a, b, c};
    return emit(l, op, inputs, 3);
}

/* The condition that both hold; q is a slot, or a number that is 0.0 or 1.0. */
static int32_t conjunction(Listing *l, int32_t p, int32_t q)
{
    if (q < 0)
        return l->numbers[~q] != 0.0 ? p : NEVER;
    return p == NEVER ? NEVER : p == ALWAYS ? q : emit2(l, M_BOTH, p, q);
}

static int add_to_sum(Derivation *p, int32_t x, int32_t contribution, int32_t exists)
{
    Listing *l = p->listing;
    Reached *sum = p->sums + x;
    if (sum->exists == NEVER) {
        *sum = (Reached){exists, contribution};
        return 0;
    }
    int32_t s = sum->exists, t = exists, before = sum->total, total = emit2(l, OP_ADD, before, contribution);
    if (total != INT32_MAX && s != ALWAYS)
        total = emit3(l, M_SELECT, s, total, contribution);
    if (total != INT32_MAX && t != ALWAYS)
        total = emit3(l, M_SELECT, t, total, before);
    int32_t either = s == ALWAYS || t == ALWAYS || total == INT32_MAX ? ALWAYS : emit2(l, M_EITHER, s, t);
    if (total == INT32_MAX || either == INT32_MAX)
        return -1;
    *sum = (Reached){either, total};
    return 0;
}

static int send_to(Derivation *p, int32_t to, int32_t contribution, int32_t exists)
{
    Listing *l = p->listing;
    if (to >= 0 && exists != NEVER && l->rows[to].op != M_SELECT)
        return p->live[to] ? add_to_sum(p, to, contribution, exists) : 0;
    size_t count = 0;
    if (grown((void **)&p->aims, &p->aims_room, sizeof *p->aims, 1) < 0)
        return -1;
    p->aims[count++] = (Aim){to, contribution, exists};
    while (count) {
        Aim aim = p->aims[--count];
        if (aim.exists == NEVER || aim.to < 0 || !p->live[aim.to])
            continue;
        if (l->rows[aim.to].op != M_SELECT) {
            if (add_to_sum(p, aim.to, aim.contribution, aim.exists) < 0)
                return -1;
            continue;
        }
        int32_t test = row_inputs(l, aim.to)[0], p_side = row_inputs(l, aim.to)[1], q_side = row_inputs(l, aim.to)[2];
        int32_t opposite = emit(l, M_OPPOSITE, &test, 1);
        int32_t on_q = opposite == INT32_MAX ? INT32_MAX : conjunction(l, aim.exists, opposite);
        int32_t on_p = on_q == INT32_MAX ? INT32_MAX : conjunction(l, aim.exists, test);
        if (on_p == INT32_MAX || grown((void **)&p->aims, &p->aims_room, sizeof *p->aims, count + 2) < 0)
            return -1;
        p->aims[count++] = (Aim){q_side, contribution, on_q};
        p->aims[count++] = (Aim){p_side, contribution, on_p};
    }
    return 0;
}

static int pass_row(Derivation *p, size_t k)
{
    Listing *l = p->listing;
    CTemplate *t = find_template(p, k);
    if (!t)
        return -1;
    uint32_t n = l->rows[k].count;
    int32_t on = p->sums[k].exists;
    if (grown((void **)&p->numbers, &p->numbers_room, sizeof *p->numbers, 2 + n + t->rows) < 0)
        return -1;
    int32_t *at = p->numbers;
    at[0] = p->sums[k].total;
    at[1] = (int32_t)k;
    memcpy(at + 2, row_inputs(l, k), n * sizeof *at);
    int32_t few[FEW], *xs = few;
    for (uint32_t r = 0; r < t->rows; r++) {
        TemplateRow *row = t->row + r;
        if (row->count > FEW && !(xs = PyMem_RawMalloc(row->count * sizeof *xs))) {
            PyErr_NoMemory();
            return -1;
        }
        int failed = 0;
        for (uint32_t i = 0; i < row->count; i++) {
            int32_t ref = t->refs[row->first + i];
            xs[i] = ref >= 0 ? at[ref] : number_input(l, t->numbers[~ref]);
            failed |= xs[i] == INT32_MAX;
        }
        int32_t slot = failed ? INT32_MAX : emit(l, row->op, xs, row->count);
        if (xs != few)
            PyMem_RawFree(xs);
        xs = few;
        if (slot == INT32_MAX)
            return -1;
        at[2 + n + r] = slot;
    }
    const int32_t *pairs = t->refs + (t->rows ? t->row[t->rows - 1].first + t->row[t->rows - 1].count : 0);
    for (uint32_t i = 0; i < n; i++) {
        int32_t test = pairs[2 * i], contribution = pairs[2 * i + 1], exists = on;
        if (contribution == NOTHING)
            continue;
        if (test != NOTHING) {
            test = test >= 0 ? at[test] : number_input(l, t->numbers[~test]);
            if (test == INT32_MAX || (exists = conjunction(l, on, test)) == INT32_MAX)
                return -1;
        }
        contribution = contribution >= 0 ? at[contribution] : number_input(l, t->numbers[~contribution]);
        if (contribution == INT32_MAX || send_to(p, at[2 + i], contribution, exists) < 0)
            return -1;
    }
    return 0;
}

static int is_silent(int32_t op) { return (op >= M_LT && op <= M_CHOOSES) || op == M_DETACH; }

/* listing.leading(xs): which slots are xs, or lead to one of them; the bytes of a bytearray */
static int mark_leading(Listing *l, PyObject *xs, char *found)
{
    memset(found, 0, l->count);
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(xs); i++) {
        int32_t x = input_from(l, PySequence_Fast_GET_ITEM(xs, i));
        if (x == INT32_MAX)
            return -1;
        if (x >= 0)
            found[x] = 1;
    }
    for (size_t k = 0; k < l->count; k++) {
        ListingRow *r = l->rows + k;
        if (r->op < 0 || is_silent(r->op) || found[k])
            continue;
        const int32_t *inputs = row_inputs(l, k);
        for (uint32_t i = r->op == M_SELECT; i < r->count; i++)
            if (inputs[i] >= 0 && found[inputs[i]]) {
                found[k] = 1;
                break;
            }
    }
    return 0;
}

static PyObject *listing_leading(PyObject *self, PyObject *slots)
{
    Listing *l = (Listing *)self;
    PyObject *xs = PySequence_Fast(slots, "slots"), *found = xs ? PyByteArray_FromStringAndSize(NULL, l->count) : NULL;
    if (found && mark_leading(l, xs, PyByteArray_AS_STRING(found)) < 0)
        Py_CLEAR(found);
    Py_XDECREF(xs);
    return found;
}

/* listing.gradients(seeds, xs): pairs, or None */
static PyObject *listing_gradients(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Listing *l = (Listing *)self;
    PyObject *seeds = n == 2 ? PySequence_Fast(args[0], "seeds") : NULL;
    PyObject *xs = seeds ? PySequence_Fast(args[1], "xs") : NULL, *answer = NULL;
    Derivation *p = PyMem_RawCalloc(1, sizeof *p);
    if (!p)
        PyErr_NoMemory();
    if (!xs || !p)
        goto done;
    p->listing = l;
    p->count = l->count;
    p->sums = PyMem_RawMalloc((l->count + 1) * sizeof *p->sums);
    p->live = PyMem_RawMalloc(l->count + 1);
    p->by_numbers = PyMem_RawCalloc(USERS, 1);
    p->templates = PyDict_New();
    if (!p->sums || !p->live || !p->by_numbers || !p->templates) {
        PyErr_NoMemory();
        goto done;
    }
    for (size_t k = 0; k < l->count; k++)
        p->sums[k] = (Reached){NEVER, 0};
    if (mark_leading(l, xs, p->live) < 0)
        goto done;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(seeds); i++) {
        PyObject *pair = PySequence_Fast_GET_ITEM(seeds, i);
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
            PyErr_SetString(PyExc_TypeError, "a seed is a slot and a gradient");
            goto done;
        }
        int32_t root = input_from(l, PyTuple_GET_ITEM(pair, 0)), g = input_from(l, PyTuple_GET_ITEM(pair, 1));
        if (root == INT32_MAX || g == INT32_MAX || send_to(p, root, g, ALWAYS) < 0)
            goto done;
    }
    for (size_t k = p->count; k-- > 0;)
        if (p->sums[k].exists != NEVER && l->rows[k].op >= 0 && pass_row(p, k) < 0)
            goto done;
    answer = PyList_New(PySequence_Fast_GET_SIZE(xs));
    for (Py_ssize_t i = 0; answer && i < PyList_GET_SIZE(answer); i++) {
        int32_t x = input_from(l, PySequence_Fast_GET_ITEM(xs, i));
        Reached *sum = x >= 0 ? p->sums + x : NULL;
        PyObject *item = !sum || sum->exists == NEVER ? Py_NewRef(Py_None)
                         : Py_BuildValue("iN", (int)sum->exists, input_object(l, sum->total));
        if (!item)
            Py_CLEAR(answer);
        else
            PyList_SET_ITEM(answer, i, item);
    }
done:
    Py_XDECREF(seeds);
    Py_XDECREF(xs);
    if (p) {
        PyMem_RawFree(p->sums);
        PyMem_RawFree(p->live);
        PyMem_RawFree(p->by_numbers);
        PyMem_Free(p->numbers);
        PyMem_Free(p->aims);
        Py_XDECREF(p->templates);
        PyMem_RawFree(p);
    }
    return answer;
}

/* ── Code ─────────────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct {
    Listing *code;             /* what is made: rows after the leaves; numbers each once, by their bits */
    int32_t *rows_of, *numbers_of;   /* two tables of places, by hash */
    size_t row_mask, number_mask;
} Made;

static size_t mixed(size_t hash, uint64_t x) { return (hash ^ (size_t)x) * 0x9E3779B97F4A7C15u + (hash >> 7); }

static int32_t shared_number(Made *m, double x)
{
    Listing *l = m->code;
    uint64_t bits = x == x ? bits_of(x) : 1;
    size_t i = mixed(bits, bits >> 32) >> 9 & m->number_mask;
    for (; m->numbers_of[i] != -1; i = (i + 1) & m->number_mask) {
        double y = l->numbers[m->numbers_of[i]];
        if (x == x ? bits_of(y) == bits : y != y)
            return ~m->numbers_of[i];
    }
    if (2 * (l->number_count + 1) > m->number_mask) {   /* room for twice as many */
        size_t mask = 2 * m->number_mask + 1;
        int32_t *more = PyMem_RawMalloc((mask + 1) * sizeof *more);
        if (!more) {
            PyErr_NoMemory();
            return INT32_MAX;
        }
        memset(more, 0xff, (mask + 1) * sizeof *more);
        PyMem_RawFree(m->numbers_of);
        m->numbers_of = more;
        m->number_mask = mask;
        for (size_t k = 0; k < l->number_count; k++) {
            uint64_t b = l->numbers[k] == l->numbers[k] ? bits_of(l->numbers[k]) : 1;
            size_t j = mixed(b, b >> 32) >> 9 & mask;
            while (more[j] != -1)
                j = (j + 1) & mask;
            more[j] = (int32_t)k;
        }
        i = mixed(bits, bits >> 32) >> 9 & mask;
        while (more[i] != -1)
            i = (i + 1) & mask;
    }
    if (grown((void **)&l->numbers, &l->number_room, sizeof(double), l->number_count + 1) < 0)
        return INT32_MAX;
    l->numbers[l->number_count] = x;
    m->numbers_of[i] = (int32_t)l->number_count;
    return ~(int32_t)l->number_count++;
}

/* What an op of constants comes to: 1 where it is in *to, 0 where it is computed when it runs. */
static int folded_numbers(Made *m, Listing *l, int32_t op, int raises, const int32_t *given, size_t n, int32_t *to)
{
    PyObject *xs = PyList_New(n), *made = NULL;
    for (size_t i = 0; xs && i < n; i++) {
        PyObject *x = PyFloat_FromDouble(m->code->numbers[~given[i]]);
        if (!x)
            Py_CLEAR(xs);
        else
            PyList_SET_ITEM(xs, i, x);
    }
    if (xs)
        made = PyObject_CallFunctionObjArgs(ask.folded, op_object(l, op), raises ? Py_True : Py_False, xs, NULL);
    Py_XDECREF(xs);
    if (!made)
        return -1;
    if (made == Py_None) {
        Py_DECREF(made);
        return 0;
    }
    double number = PyFloat_AsDouble(made);
    Py_DECREF(made);
    if (PyErr_Occurred() || (*to = shared_number(m, number)) == INT32_MAX)
        return -1;
    return 1;
}

static int simplified(Made *m, Listing *l, int32_t op, int raises, const int32_t *given, size_t n, int32_t *to)
{
    const double *numbers = m->code->numbers;
    size_t i = 0;
    while (i < n && given[i] < 0)
        i++;
    if (i == n && op < USERS)
        return folded_numbers(m, l, op, raises, given, n, to);
    switch (op) {
    case OP_MUL:
        for (int one = 0; one < 2; one++)
            if (given[one] < 0 && numbers[~given[one]] == 1.0) {
                *to = given[1 - one];
                return 1;
            }
        return 0;
    case OP_DIV:
        *to = given[0];
        return given[1] < 0 && numbers[~given[1]] == 1.0;
    case M_SELECT:
        if (given[0] < 0) {
            *to = numbers[~given[0]] != 0.0 ? given[1] : given[2];
            return 1;
        }
        *to = given[1];
        return given[1] == given[2];
    case M_DETACH:
    case OP_POS:
        *to = given[0];
        return 1;
    default:
        return 0;
    }
}

static size_t row_hash(int32_t op, int raises, const int32_t *given, size_t n)
{
    size_t hash = (size_t)op * 2 + raises;
    for (size_t i = 0; i < n; i++)
        hash = mixed(hash, (uint32_t)given[i]);
    return hash >> 9;
}

static int32_t shared_row(Made *m, int32_t op, int raises, const int32_t *given, size_t n)
{
    Listing *l = m->code;
    size_t i = row_hash(op, raises, given, n) & m->row_mask;
    for (; op != OP_ADD && op < USERS && m->rows_of[i] != -1; i = (i + 1) & m->row_mask) {
        ListingRow *r = l->rows + m->rows_of[i];
        if (r->op == op && (int)(r->place & 1) == raises && r->count == n
            && !memcmp(row_inputs(l, m->rows_of[i]), given, n * sizeof *given))
            return m->rows_of[i];
    }
    int32_t slot = new_row(l, op, n, 0, raises);
    if (slot < 0)
        return INT32_MAX;
    memcpy(row_inputs(l, slot), given, n * sizeof *given);
    if (op != OP_ADD && op < USERS)
        m->rows_of[i] = slot;
    return slot;
}

static void mark_live(Listing *l, size_t leaves, char *live)
{
    for (size_t k = l->count; k-- > leaves;) {
        ListingRow *r = l->rows + k;
        if (!live[k] && !(r->place & 1 && (r->op >= USERS || !never_raises[r->op])))
            continue;
        live[k] = 1;
        for (uint32_t i = 0; i < r->count; i++)
            if (row_inputs(l, k)[i] >= 0)
                live[row_inputs(l, k)[i]] = 1;
    }
}

/* Where a number is in the code: leaves first, then the numbers, then the rows. */
static inline int32_t code_slot(const Listing *code, Py_ssize_t leaves, int32_t x)
{
    return x < 0 ? (int32_t)leaves + ~x : x < leaves ? x : x + (int32_t)code->number_count;
}

/* listing.lowered(leaves, outputs, conditions): (constants, listing, outputs, conditions) of its code, or None */
static PyObject *listing_lowered(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Listing *l = (Listing *)self;
    Py_ssize_t leaves = n == 3 ? PyLong_AsSsize_t(args[0]) : -1;
    PyObject *outputs = leaves >= 0 ? PySequence_Fast(args[1], "outputs") : NULL;
    PyObject *conditions = outputs ? PySequence_Fast(args[2], "conditions") : NULL, *answer = NULL;
    PyObject *constants = NULL, *results = NULL, *tests = NULL;
    Made m = {NULL, NULL, NULL, 63, 63};
    int32_t *known = PyMem_RawMalloc((l->count + 1) * sizeof *known), few[FEW], *given = few;
    char *live = PyMem_RawCalloc(l->count + 1, 1);
    while (m.row_mask < 2 * l->count)
        m.row_mask = 2 * m.row_mask + 1;
    m.rows_of = PyMem_RawMalloc((m.row_mask + 1) * sizeof *m.rows_of);
    m.numbers_of = PyMem_RawMalloc((m.number_mask + 1) * sizeof *m.numbers_of);
    if (!known || !live || !m.rows_of || !m.numbers_of) {
        PyErr_NoMemory();
        goto done;
    }
    memset(m.rows_of, 0xff, (m.row_mask + 1) * sizeof *m.rows_of);
    memset(m.numbers_of, 0xff, (m.number_mask + 1) * sizeof *m.numbers_of);
    if (!conditions || (size_t)leaves > l->count || !(m.code = empty_listing(l)))
        goto done;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(outputs); i++) {
        int32_t x = input_from(l, PySequence_Fast_GET_ITEM(outputs, i));
        if (x == INT32_MAX)
            goto done;
        if (x >= 0)
            live[x] = 1;
    }
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(conditions); i++) {
        int32_t x = input_from(l, PyTuple_GetItem(PySequence_Fast_GET_ITEM(conditions, i), 0));
        if (x == INT32_MAX)
            goto done;
        if (x >= 0)
            live[x] = 1;
    }
    mark_live(l, leaves, live);
    int times_one = 0;   /* data may be 1.0, and products with them are to look like the others beside them */
    for (size_t k = leaves; k < l->count && !times_one; k++)
        if ((l->rows[k].op == OP_MUL || l->rows[k].op == OP_DOT) && l->rows[k].place & 1)
            for (uint32_t i = 0; i < l->rows[k].count; i++)
                times_one |= row_inputs(l, k)[i] < 0 && l->numbers[~row_inputs(l, k)[i]] == 1.0;
    for (Py_ssize_t k = 0; k < leaves; k++)
        if ((known[k] = new_row(m.code, ROW_LEAF, 0, 0, 0)) < 0)
            goto done;
    for (size_t k = leaves; k < l->count; k++) {
        ListingRow *r = l->rows + k;
        if (!live[k])
            continue;
        if (r->count > FEW && !(given = PyMem_RawMalloc(r->count * sizeof *given))) {
            PyErr_NoMemory();
            goto done;
        }
        int failed = 0, raises = r->place & 1;
        for (uint32_t i = 0; i < r->count; i++) {
            int32_t x = row_inputs(l, k)[i];
            given[i] = x >= 0 ? known[x] : shared_number(&m, l->numbers[~x]);
            failed |= given[i] == INT32_MAX;
        }
        const int kept = times_one && r->op == OP_MUL && (given[0] >= 0 || given[1] >= 0);
        int simpler = failed ? -1 : kept ? 0 : simplified(&m, l, r->op, raises, given, r->count, known + k);
        if (simpler == 0 && (known[k] = shared_row(&m, r->op, raises, given, r->count)) == INT32_MAX)
            simpler = -1;
        if (given != few)
            PyMem_RawFree(given);
        given = few;
        if (simpler < 0)
            goto done;
    }
    Listing *c = m.code;
    if (!(tests = PyDict_New()))
        goto done;
    int32_t *places = known;   /* of each condition and output, now */
    size_t wanted_count = PySequence_Fast_GET_SIZE(conditions);
    for (size_t i = 0; i < wanted_count; i++) {
        PyObject *pair = PySequence_Fast_GET_ITEM(conditions, i), *wanted = PyTuple_GetItem(pair, 1);
        int32_t x = input_from(l, PyTuple_GetItem(pair, 0));
        double number = wanted ? PyFloat_AsDouble(wanted) : 0.0;
        if (PyErr_Occurred())
            goto done;
        x = x >= 0 ? places[x] : shared_number(&m, l->numbers[~x]);
        if (x == INT32_MAX)
            goto done;
        if (x < 0) {
            if (c->numbers[~x] != number) {
                answer = Py_NewRef(Py_None);
                goto done;
            }
            continue;
        }
        PyObject *key = Py_BuildValue("id", (int)x, number);
        int failed = !key || PyDict_SetItem(tests, key, Py_None) < 0;
        Py_XDECREF(key);
        if (failed)
            goto done;
    }
    results = PyList_New(PySequence_Fast_GET_SIZE(outputs));
    for (Py_ssize_t i = 0; results && i < PyList_GET_SIZE(results); i++) {
        int32_t x = input_from(l, PySequence_Fast_GET_ITEM(outputs, i));
        x = x >= 0 ? places[x] : shared_number(&m, l->numbers[~x]);
        PyObject *slot = x == INT32_MAX ? NULL : PyLong_FromLong(x);
        if (!slot)
            Py_CLEAR(results);
        else
            PyList_SET_ITEM(results, i, slot);
    }
    if (!results || !(constants = PyTuple_New(c->number_count)))
        goto done;
    for (size_t k = 0; k < c->number_count; k++) {
        PyObject *x = PyFloat_FromDouble(c->numbers[k]);
        if (!x)
            goto done;
        PyTuple_SET_ITEM(constants, k, x);
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(results); i++) {
        int32_t x = (int32_t)PyLong_AsLong(PyList_GET_ITEM(results, i));
        PyObject *slot = PyLong_FromLong(code_slot(c, leaves, x));
        if (!slot || PyList_SetItem(results, i, slot) < 0)
            goto done;
    }
    PyObject *pairs = PyList_New(0), *key, *none;
    Py_ssize_t at = 0;
    while (pairs && PyDict_Next(tests, &at, &key, &none)) {
        int32_t x = (int32_t)PyLong_AsLong(PyTuple_GET_ITEM(key, 0));
        PyObject *pair = Py_BuildValue("iO", (int)code_slot(c, leaves, x), PyTuple_GET_ITEM(key, 1));
        if (!pair || PyList_Append(pairs, pair) < 0)
            Py_CLEAR(pairs);
        Py_XDECREF(pair);
    }
    if (pairs)
        answer = Py_BuildValue("OOOO", constants, (PyObject *)c, results, pairs);
    Py_XDECREF(pairs);
done:
    PyMem_RawFree(known);
    PyMem_RawFree(live);
    PyMem_RawFree(m.rows_of);
    PyMem_RawFree(m.numbers_of);
    Py_XDECREF(m.code);
    Py_XDECREF(outputs);
    Py_XDECREF(conditions);
    Py_XDECREF(constants);
    Py_XDECREF(results);
    Py_XDECREF(tests);
    return answer;
}

/* An op's function of floats. */
static PyObject *float_function(int32_t op, PyObject *operation)
{
    static PyObject *functions[USERS];
    if (op >= USERS)
        return PyObject_CallOneArg(ask.function, operation);
    if (!functions[op] && !(functions[op] = PyObject_CallOneArg(ask.function, operation)))
        return NULL;
    return Py_NewRef(functions[op]);
}

/* listing.instructions(leaves): those of the code that `lowered` made */
static PyObject *listing_instructions(PyObject *self, PyObject *arg)
{
    Listing *c = (Listing *)self;
    Py_ssize_t leaves = PyLong_AsSsize_t(arg);
    PyObject *made = leaves < 0 || (size_t)leaves > c->count ? NULL : PyTuple_New(c->count - leaves);
    PyTypeObject *instruction = (PyTypeObject *)ask.instruction;
    for (size_t k = leaves; made && k < c->count; k++) {
        ListingRow *r = c->rows + k;
        PyObject *inputs = PyTuple_New(r->count), *item = inputs ? instruction->tp_alloc(instruction, 4) : NULL;
        PyObject *operation = op_object(c, r->op), *function = item ? float_function(r->op, operation) : NULL;
        for (uint32_t i = 0; function && i < r->count; i++) {
            PyObject *slot = PyLong_FromLong(code_slot(c, leaves, row_inputs(c, k)[i]));
            if (!slot)
                Py_CLEAR(function);
            else
                PyTuple_SET_ITEM(inputs, i, slot);
        }
        if (!function) {
            Py_XDECREF(inputs);
            Py_XDECREF(item);
            Py_CLEAR(made);
            break;
        }
        PyTuple_SET_ITEM(item, 0, function);
        PyTuple_SET_ITEM(item, 1, inputs);
        PyTuple_SET_ITEM(item, 2, Py_NewRef(operation));
        PyTuple_SET_ITEM(item, 3, PyBool_FromLong(r->place & 1));
        PyTuple_SET_ITEM(made, k - leaves, item);
    }
    return made;
}

/* listing.is_built_in(): whether all its ops are this library's, and a machine's: a dot of no pair is for Python */
static PyObject *listing_is_built_in(PyObject *self, PyObject *Py_UNUSED(none))
{
    Listing *l = (Listing *)self;
    for (size_t k = 0; k < l->count; k++)
        if (l->rows[k].op >= USERS || (l->rows[k].op == OP_DOT && l->rows[k].count < 2))
            Py_RETURN_FALSE;
    Py_RETURN_TRUE;
}

/* ── Sums made whole again: program/sums.py ───────────────────────────────────────────────────────────────── */

typedef struct { int32_t a, b; } Term;   /* two factors; or one number, and in place of b ALONE, in the end -1 */

enum { ALONE = INT32_MIN, MINUS_ONE = INT32_MIN + 1 };   /* MINUS_ONE: a is subtracted */

typedef struct {
    Listing *code;
    Py_ssize_t leaves;
    uint32_t *uses, *in_sums;
    Term *terms;
    size_t count, room;
    int32_t one;
} Sums;

static int is_sum(int32_t op) { return op == OP_ADD || op == OP_SUM || op == OP_DOT; }

/* Whether a row is a sum that only another one reads. */
static int in_chain(const Sums *s, int32_t row)
{
    return row >= s->leaves && s->uses[row] == 1 && (is_sum(s->code->rows[row].op) || s->code->rows[row].op == OP_SUB);
}

static int push_term(Sums *s, int32_t a, int32_t b)
{
    if (grown((void **)&s->terms, &s->room, sizeof *s->terms, s->count + 1) < 0)
        return -1;
    s->terms[s->count++] = (Term){a, b};
    return 0;
}

/* The terms of a sum, from the right to the left, as inputs of the listing; ALONE stands beside a single one. */
static int terms_of(Sums *s, size_t k)
{
    Listing *c = s->code;
    for (s->count = 0;;) {
        ListingRow *r = c->rows + k;
        const int32_t *inputs = row_inputs(c, k);
        if (r->op == OP_DOT) {
            for (uint32_t i = r->count / 2; i-- > 0;)
                if (push_term(s, inputs[i], inputs[r->count / 2 + i]) < 0)
                    return -1;
            return 0;
        }
        for (uint32_t i = r->count; i-- > 1;)
            if (push_term(s, inputs[i], r->op == OP_SUB ? MINUS_ONE : ALONE) < 0)
                return -1;
        int32_t first = inputs[0];
        if (!in_chain(s, first))
            return push_term(s, first, ALONE);
        k = first;
    }
}

static PyObject *slots_object(const int32_t *slots, size_t n)
{
    PyObject *made = PyTuple_New(n);
    for (size_t i = 0; made && i < n; i++) {
        PyObject *slot = PyLong_FromLong(slots[i]);
        if (!slot)
            Py_CLEAR(made);
        else
            PyTuple_SET_ITEM(made, i, slot);
    }
    return made;
}

/* The inputs of a sum, and in *op its name's number. */
static PyObject *sum_object(Sums *s, size_t k, int32_t *op)
{
    Listing *c = s->code;
    if (terms_of(s, k) < 0)
        return NULL;
    for (size_t i = 0, j = s->count; i + 1 < j--; i++) {
        Term term = s->terms[i];
        s->terms[i] = s->terms[j];
        s->terms[j] = term;
    }
    size_t n = s->count, products = 0, pairs_given = 0;
    int32_t *slots = PyMem_RawMalloc((2 * n + 1) * sizeof *slots);
    if (!slots)
        return PyErr_NoMemory();
    for (size_t i = 0; i < n; i++) {
        int32_t x = s->terms[i].a;
        if (s->terms[i].b == ALONE)
            products += x >= s->leaves && s->uses[x] == s->in_sums[x] && c->rows[x].op == OP_MUL;
        else
            products++, pairs_given++;
    }
    if (!pairs_given && (2 * products < n - 1 || !products)) {
        *op = n == 2 ? OP_ADD : OP_SUM;
        for (size_t i = 0; i < n; i++)
            slots[i] = code_slot(c, s->leaves, s->terms[i].a);
        PyObject *made = slots_object(slots, n);
        PyMem_RawFree(slots);
        return made;
    }
    for (size_t i = 0; i < n; i++) {
        Term *term = s->terms + i;
        int32_t x = term->a;
        if (term->b == ALONE) {
            if (x >= s->leaves && s->uses[x] == s->in_sums[x] && c->rows[x].op == OP_MUL)
                *term = (Term){row_inputs(c, x)[0], row_inputs(c, x)[1]};
            else {
                *term = (Term){code_slot(c, s->leaves, x), -1};
                continue;
            }
        }
        int32_t a = code_slot(c, s->leaves, term->a);
        int32_t b = term->b == MINUS_ONE ? s->one + 1 : code_slot(c, s->leaves, term->b);
        *term = a < b ? (Term){a, b} : (Term){b, a};
    }
    if (n == 2 && s->terms[1].b == -1) { /* a + b is b + a */
        Term term = s->terms[0];
        s->terms[0] = s->terms[1];
        s->terms[1] = term;
    }
    const size_t start = s->terms[0].b == -1, pairs = n - start;
    if (start)
        slots[0] = s->terms[0].a;
    for (size_t i = 0; i < pairs; i++) {
        Term term = s->terms[start + i];
        slots[start + i] = term.a;
        slots[start + pairs + i] = term.b == -1 ? s->one : term.b;
    }
    *op = start ? M_PAIRS : OP_DOT;
    PyObject *made = slots_object(slots, start + 2 * pairs);
    PyMem_RawFree(slots);
    return made;
}

/* listing.collected(leaves, needed, item): what is to be computed, by slot, in order; `needed` are slots of the code */
static PyObject *listing_collected(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    Listing *c = (Listing *)self;
    Py_ssize_t leaves = n == 3 ? PyLong_AsSsize_t(args[0]) : -1;
    PyObject *wanted = leaves >= 0 ? PySequence_Fast(args[1], "needed") : NULL, *items = NULL, *answer = NULL;
    const int32_t shift = (int32_t)c->number_count;
    Sums s = {c, leaves, NULL, NULL, NULL, 0, 0, (int32_t)c->count + shift};
    char *needed = PyMem_RawCalloc(c->count + 1, 1);
    s.uses = PyMem_RawCalloc(c->count + 1, sizeof *s.uses);
    s.in_sums = PyMem_RawCalloc(c->count + 1, sizeof *s.in_sums);
    PyObject **made = PyMem_RawCalloc(c->count + 1, sizeof *made);
    if (!wanted || !needed || !s.uses || !s.in_sums || !made || !(items = PyDict_New())) {
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        goto done;
    }
    for (size_t k = leaves; k < c->count; k++)
        for (uint32_t i = 0; i < c->rows[k].count; i++) {
            int32_t x = row_inputs(c, k)[i];
            if (x >= 0) {
                s.uses[x]++;
                s.in_sums[x] += c->rows[k].op == OP_ADD || c->rows[k].op == OP_SUM;
            }
        }
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(wanted); i++) {
        Py_ssize_t x = PyLong_AsSsize_t(PySequence_Fast_GET_ITEM(wanted, i));
        if (x < 0 || x >= s.one)
            goto done;
        if (x >= leaves + shift) {
            needed[x - shift] = 1;
            s.uses[x - shift]++;
        }
    }
    PyTypeObject *type = (PyTypeObject *)args[2];
    for (size_t k = c->count; k-- > (size_t)leaves;) {
        ListingRow *r = c->rows + k;
        int32_t op = r->op;
        const int may_raise = r->place & 1 && !never_raises[op];
        if (!needed[k] && !may_raise)
            continue;
        PyObject *inputs = NULL;
        if (is_sum(op) || (op == OP_SUB && in_chain(&s, row_inputs(c, k)[0])))
            inputs = sum_object(&s, k, &op);
        else {
            inputs = PyTuple_New(r->count);
            for (uint32_t i = 0; inputs && i < r->count; i++) {
                PyObject *slot = PyLong_FromLong(code_slot(c, leaves, row_inputs(c, k)[i]));
                if (!slot)
                    Py_CLEAR(inputs);
                else
                    PyTuple_SET_ITEM(inputs, i, slot);
            }
        }
        PyObject *name = PyUnicode_InternFromString(op < N_OPS ? op_rows[op].name : machine_ops[op - N_OPS]);
        made[k] = inputs && name ? type->tp_alloc(type, 3) : NULL;
        if (!made[k]) {
            Py_XDECREF(inputs);
            Py_XDECREF(name);
            goto done;
        }
        PyTuple_SET_ITEM(made[k], 0, name);
        PyTuple_SET_ITEM(made[k], 1, inputs);
        PyTuple_SET_ITEM(made[k], 2, PyBool_FromLong(may_raise));
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(inputs); i++) {
            Py_ssize_t x = PyLong_AsSsize_t(PyTuple_GET_ITEM(inputs, i));
            if (x >= leaves + shift && x < s.one)
                needed[x - shift] = 1;
        }
    }
    for (size_t k = leaves; k < c->count; k++)
        if (made[k]) {
            PyObject *slot = PyLong_FromSize_t(k + shift);
            int failed = !slot || PyDict_SetItem(items, slot, made[k]) < 0;
            Py_XDECREF(slot);
            if (failed)
                goto done;
        }
    answer = Py_NewRef(items);
done:
    for (size_t k = 0; made && k < c->count; k++)
        Py_XDECREF(made[k]);
    PyMem_RawFree(made);
    PyMem_RawFree(needed);
    PyMem_RawFree(s.uses);
    PyMem_RawFree(s.in_sums);
    PyMem_Free(s.terms);
    Py_XDECREF(wanted);
    Py_XDECREF(items);
    return answer;
}

/* ── The type ─────────────────────────────────────────────────────────────────────────────────────────────── */

#define LISTING_FAST(name) {#name, (PyCFunction)(void (*)(void))listing_##name, METH_FASTCALL, NULL}

static PyMethodDef listing_methods[] = {
    LISTING_FAST(add),
    {"row", listing_row, METH_O, NULL},
    {"copy", listing_copy, METH_NOARGS, NULL},
    {"with_leaf", listing_with_leaf, METH_O, NULL},
    {"is_same", listing_is_same, METH_O, NULL},
    LISTING_FAST(only),
    LISTING_FAST(begin),
    {"attach", listing_attach, METH_O, NULL},
    {"end", listing_end, METH_NOARGS, NULL},
    {"slot", listing_slot, METH_O, NULL},
    LISTING_FAST(note),
    {"number", listing_number, METH_O, NULL},
    LISTING_FAST(set_number),
    {"raising", listing_raising, METH_NOARGS, NULL},
    {"leading", listing_leading, METH_O, NULL},
    LISTING_FAST(gradients),
    LISTING_FAST(lowered),
    {"instructions", listing_instructions, METH_O, NULL},
    {"is_built_in", listing_is_built_in, METH_NOARGS, NULL},
    LISTING_FAST(collected),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef listing_getset[] = {
    {"leaves", listing_get_leaves, NULL, NULL, NULL},
    {"captured", listing_get_captured, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PySequenceMethods listing_sequence = {.sq_length = listing_length};

static PyTypeObject ListingType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "autograd.native._engine.Listing",
    .tp_basicsize = sizeof(Listing),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = listing_new,
    .tp_dealloc = listing_dealloc,
    .tp_as_sequence = &listing_sequence,
    .tp_methods = listing_methods,
    .tp_getset = listing_getset,
};

/* connect_programs(ops, never_raise, here, inside, ours, careful, folded, template, has_choices, function, instruction) */
static PyObject *module_connect_programs(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *listed, *quiet;
    if (!PyArg_ParseTuple(args, "O!OOOOOOOOOO", &PyTuple_Type, &listed, &quiet, &ask.here, &ask.inside, &ask.ours,
                          &ask.careful, &ask.folded, &ask.template, &ask.has_choices, &ask.function, &ask.instruction))
        return NULL;
    if (PyTuple_GET_SIZE(listed) != USERS - N_OPS) {
        PyErr_SetString(PyExc_TypeError, "connect_programs: other ops than this engine's");
        return NULL;
    }
    PyObject **held = (PyObject **)&ask;
    for (size_t i = 0; i < sizeof ask / sizeof *held; i++)
        Py_INCREF(held[i]);
    for (int i = 0; i < USERS - N_OPS; i++)
        program_ops[i] = Py_NewRef(PyTuple_GET_ITEM(listed, i));
    for (int op = 0; op < USERS; op++) {
        PyObject *operation = op < N_OPS ? operations[op] : program_ops[op - N_OPS];
        int quietly = PySequence_Contains(quiet, operation);
        if (quietly < 0)
            return NULL;
        never_raises[op] = (char)quietly;
    }
    return Py_NewRef((PyObject *)&ListingType);
}
