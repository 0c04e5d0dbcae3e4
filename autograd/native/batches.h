/* program/schedule.py's `batches`: items of one kind that need nothing from one another, batch after batch. The same
   batches in the same order. */

typedef struct {
    PyObject *op;
    Py_ssize_t inputs;
    int may_raise;
    uint32_t *ready;             /* items whose inputs are known */
    size_t count, room;
    size_t first, deepest;       /* its depths: those between are not past */
    long depth;                  /* of the least deep that is ready */
} Kind;

typedef struct { uint32_t kind; long depth; uint32_t item; } Later;

static int by_kind_and_depth(const void *a, const void *b)
{
    const Later *p = a, *q = b;
    if (p->kind != q->kind)
        return p->kind < q->kind ? -1 : 1;
    return p->depth < q->depth ? -1 : p->depth > q->depth;
}

static int joins(Kind *kind, uint32_t item)
{
    if (grown((void **)&kind->ready, &kind->room, sizeof *kind->ready, kind->count + 1) < 0)
        return -1;
    kind->ready[kind->count++] = item;
    return 0;
}

/* The number of an item's kind, a new one where there is none yet; -1 without memory. */
static long kind_number(Kind **kinds, size_t *count, size_t *room, PyObject *op, Py_ssize_t inputs, int may_raise)
{
    if (PyUnicode_CompareWithASCIIString(op, "dot") == 0 || PyUnicode_CompareWithASCIIString(op, "pairs") == 0) {
        inputs = (inputs + 1) & ~(Py_ssize_t)1; /* one kind: a dot is pairs that begin with a product */
        may_raise = 2;
    }
    for (size_t k = 0; k < *count; k++)
        if ((*kinds)[k].inputs == inputs && (*kinds)[k].may_raise == may_raise
            && (may_raise == 2 || (*kinds)[k].op == op || PyUnicode_Compare((*kinds)[k].op, op) == 0))
            return (long)k;
    if (grown((void **)kinds, room, sizeof **kinds, *count + 1) < 0)
        return -1;
    (*kinds)[*count] = (Kind){op, inputs, may_raise, NULL, 0, 0, 0, 0, 0};
    return (long)(*count)++;
}

/* batches(items, one, patience): lists of slots */
static PyObject *module_batches(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *items, *answer = NULL, *key, *item;
    Py_ssize_t one, patience, at = 0, all = 0;
    if (!PyArg_ParseTuple(args, "O!nn", &PyDict_Type, &items, &one, &patience))
        return NULL;
    const size_t m = PyDict_GET_SIZE(items);
    int32_t *number = PyMem_RawMalloc((one + 2) * sizeof *number);   /* of a slot: its item, -1 where it has none */
    uint32_t *slots = PyMem_RawMalloc((m + 1) * sizeof *slots), *kind_of = PyMem_RawMalloc((m + 1) * sizeof *kind_of);
    uint32_t *waits = PyMem_RawCalloc(m + 1, sizeof *waits), *first_user = PyMem_RawCalloc(m + 2, sizeof *first_user);
    uint32_t *users = NULL, *bucket = PyMem_RawMalloc((m + 1) * sizeof *bucket);
    long *depth = PyMem_RawCalloc(m + 1, sizeof *depth), *depths = PyMem_RawMalloc((m + 1) * sizeof *depths);
    size_t *left = PyMem_RawCalloc(m + 1, sizeof *left);             /* of a kind and a depth: how many are not ready */
    Later *later = PyMem_RawMalloc((m + 1) * sizeof *later);
    Kind *kinds = NULL;
    size_t kind_count = 0, kind_room = 0, waiting = 0, turns = 0, turn_room = 0, n = 0;
    uint32_t *turn = NULL;                                           /* kinds with ready items, in order */
    if (!number || !slots || !kind_of || !waits || !first_user || !bucket || !depth || !depths || !left || !later) {
        PyErr_NoMemory();
        goto done;
    }
    for (Py_ssize_t i = 0; i < one + 2; i++)
        number[i] = -1;
    while (PyDict_Next(items, &at, &key, &item)) {
        Py_ssize_t slot = PyLong_AsSsize_t(key);
        if (slot < 0 || slot >= one + 2 || !PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 3
            || !PyUnicode_Check(PyTuple_GET_ITEM(item, 0)) || !PyTuple_Check(PyTuple_GET_ITEM(item, 1))) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_TypeError, "batches(items, one, patience) takes items by slot");
            goto done;
        }
        number[slot] = (int32_t)n;
        slots[n++] = (uint32_t)slot;
    }
    for (int filling = 0; filling < 2; filling++) {
        at = 0;
        for (size_t k = 0; PyDict_Next(items, &at, &key, &item); k++) {
            PyObject *inputs = PyTuple_GET_ITEM(item, 1);
            for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(inputs); i++) {
                Py_ssize_t x = PyLong_AsSsize_t(PyTuple_GET_ITEM(inputs, i));
                if (x < 0 || x >= one + 2) {
                    if (!PyErr_Occurred())
                        PyErr_SetString(PyExc_IndexError, "batches: an item reads a slot that there is not");
                    goto done;
                }
                int32_t input = number[x];
                if (input < 0)
                    continue;
                if (filling) {
                    users[first_user[input]++] = (uint32_t)k;
                    continue;
                }
                first_user[input + 1]++;
                all++;
                waits[k]++;
                if (depth[input] > depth[k])
                    depth[k] = depth[input];
            }
            if (!filling)
                depth[k]++;
        }
        if (filling)
            break;
        for (size_t k = 0; k < m; k++)
            first_user[k + 1] += first_user[k];
        if (!(users = PyMem_RawMalloc((all + 1) * sizeof *users))) {
            PyErr_NoMemory();
            goto done;
        }
    }
    for (size_t k = m; k > 0; k--) /* filling moved each to the next one's */
        first_user[k] = first_user[k - 1];
    first_user[0] = 0;
    at = 0;
    for (size_t k = 0; PyDict_Next(items, &at, &key, &item); k++) {
        long kind = kind_number(&kinds, &kind_count, &kind_room, PyTuple_GET_ITEM(item, 0),
                                PyTuple_GET_SIZE(PyTuple_GET_ITEM(item, 1)), PyTuple_GET_ITEM(item, 2) == Py_True);
        if (kind < 0)
            goto done;
        kind_of[k] = (uint32_t)kind;
        if (waits[k])
            later[waiting++] = (Later){(uint32_t)kind, depth[k], (uint32_t)k};
        else {
            if (!kinds[kind].count) {
                if (grown((void **)&turn, &turn_room, sizeof *turn, turns + 1) < 0)
                    goto done;
                turn[turns++] = (uint32_t)kind;
            }
            kinds[kind].depth = 1;
            if (joins(kinds + kind, (uint32_t)k) < 0)
                goto done;
        }
    }
    qsort(later, waiting, sizeof *later, by_kind_and_depth);
    size_t buckets = 0;
    for (size_t k = 0; k < waiting; k++) {
        const int is_new = !k || by_kind_and_depth(later + k - 1, later + k);
        if (is_new) {
            Kind *kind = kinds + later[k].kind;
            if (!k || later[k - 1].kind != later[k].kind)
                kind->first = buckets;
            depths[buckets++] = later[k].depth;
            kind->deepest = buckets;
        }
        bucket[later[k].item] = (uint32_t)(buckets - 1);
        left[buckets - 1]++;
    }
    if (!(answer = PyList_New(0)))
        goto done;
    while (turns) {
        size_t next = 0;
        long least = 0;
        for (size_t k = 0; k < turns; k++) {
            Kind *kind = kinds + turn[k];
            while (kind->first < kind->deepest && !left[kind->first])
                kind->first++;
            long wait = kind->first < kind->deepest ? patience - depths[kind->first] + kind->depth : 0;
            long when = kind->depth + (wait > 0 ? wait : 0);
            if (!k || when < least) {
                least = when;
                next = k;
            }
        }
        Kind *kind = kinds + turn[next];
        memmove(turn + next, turn + next + 1, (--turns - next) * sizeof *turn);
        uint32_t *members = kind->ready;
        size_t count = kind->count;
        kind->ready = NULL;
        kind->count = kind->room = 0;
        PyObject *batch = PyList_New(count);
        int failed = !batch;
        for (size_t i = 0; !failed && i < count; i++) {
            PyObject *slot = PyLong_FromUnsignedLong(slots[members[i]]);
            if (slot)
                PyList_SET_ITEM(batch, i, slot);
            failed = !slot;
        }
        failed = failed || PyList_Append(answer, batch) < 0;
        Py_XDECREF(batch);
        for (size_t i = 0; !failed && i < count; i++)
            for (uint32_t u = first_user[members[i]]; u < first_user[members[i] + 1]; u++) {
                uint32_t user = users[u];
                if (--waits[user])
                    continue;
                Kind *other = kinds + kind_of[user];
                left[bucket[user]]--;
                if (!other->count) {
                    if (grown((void **)&turn, &turn_room, sizeof *turn, turns + 1) < 0)
                        failed = 1;
                    else
                        turn[turns++] = kind_of[user];
                }
                if (!other->count || depth[user] < other->depth)
                    other->depth = depth[user];
                failed = failed || joins(other, user) < 0;
                if (failed)
                    break;
            }
        PyMem_Free(members);
        if (failed) {
            Py_CLEAR(answer);
            break;
        }
    }
done:
    for (size_t k = 0; k < kind_count; k++)
        PyMem_Free(kinds[k].ready);
    PyMem_Free(kinds);
    PyMem_Free(turn);
    PyMem_RawFree(number);
    PyMem_RawFree(slots);
    PyMem_RawFree(kind_of);
    PyMem_RawFree(waits);
    PyMem_RawFree(first_user);
    PyMem_RawFree(users);
    PyMem_RawFree(bucket);
    PyMem_RawFree(depth);
    PyMem_RawFree(depths);
    PyMem_RawFree(left);
    PyMem_RawFree(later);
    return answer;
}
