/* Many nodes in one call: layers, sums, optimisers' steps. Each is the twin of a Python function of the same name and
   signature, with the same bits; what is out of the ordinary is left to that one. */

#define TWINS 16
static struct { const char *name; PyObject *reference; } twins[TWINS];   /* the Python functions, by name */

static PyObject *leave_to_reference(const char *name, PyObject *const *args, Py_ssize_t n)
{
    for (int i = 0; i < TWINS; i++)
        if (twins[i].name && !strcmp(twins[i].name, name))
            return PyObject_Vectorcall(twins[i].reference, args, n, NULL);
    PyErr_Format(PyExc_RuntimeError, "%s has no Python twin", name);
    return NULL;
}

/* The items of a list or tuple, or NULL where it is neither. */
static PyObject *const *items_of(PyObject *xs, Py_ssize_t *n)
{
    if (!PyList_CheckExact(xs) && !PyTuple_CheckExact(xs))
        return NULL;
    *n = PySequence_Fast_GET_SIZE(xs);
    return PySequence_Fast_ITEMS(xs);
}

/* ── Sums and products of lists ───────────────────────────────────────────────────────────────────────────── */

/* dot(xs, ys) */
static PyObject *bulk_dot(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t n = 0, m = 0;
    PyObject *const *xs = count == 2 ? items_of(args[0], &n) : NULL, *const *ys = xs ? items_of(args[1], &m) : NULL;
    PyObject *few[FEW], **both = few, *answer = NULL;
    if (ys && n == m && n) {
        if (2 * n > FEW && !(both = PyMem_Malloc(2 * n * sizeof *both)))
            return PyErr_NoMemory();
        memcpy(both, xs, n * sizeof *both);
        memcpy(both + n, ys, n * sizeof *both);
        answer = apply(OP_DOT, both, 2 * n);
        if (both != few)
            PyMem_Free(both);
    }
    return answer || PyErr_Occurred() ? answer : leave_to_reference("dot", args, count);
}

/* sum(xs) and sum(xs, start) */
static PyObject *bulk_sum(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t n = 0;
    PyObject *const *xs = count == 1 ? items_of(args[0], &n) : NULL, *answer = xs && n ? apply(OP_SUM, xs, n) : NULL;
    return answer || PyErr_Occurred() ? answer : leave_to_reference("sum", args, count);
}

/* ── Layers ───────────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct {
    PyObject *const *items;
    double *data;
    uint64_t *bits; /* of those that are Values, behind as many ones as there are weights */
    Py_ssize_t n, lead; /* lead: 1 where a bias comes before the weights, with a 1.0 before the inputs */
} Sample;

static int sample_of(Sample *sample, PyObject *x, Py_ssize_t lead)
{
    PyObject *const *items = items_of(x, &sample->n);
    if (!items || !sample->n)
        return 0;
    Py_ssize_t n = sample->n, half = n + lead;
    sample->items = items;
    sample->lead = lead;
    sample->data = PyMem_Malloc(n * sizeof(double) + WORDS(2 * half) * sizeof(uint64_t));
    if (!sample->data) {
        PyErr_NoMemory();
        return 0;
    }
    sample->bits = (uint64_t *)(sample->data + n);
    memset(sample->bits, 0, WORDS(2 * half) * sizeof(uint64_t));
    for (Py_ssize_t i = 0; i < half; i++)
        sample->bits[i >> 6] |= (uint64_t)1 << (i & 63);
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_ssize_t at = half + lead + i;
        if (IS_NODE(items[i])) {
            sample->data[i] = ((Node *)items[i])->data;
            sample->bits[at >> 6] |= (uint64_t)1 << (at & 63);
        }
        else if (!plain(items[i], sample->data + i)) {
            PyMem_Free(sample->data);
            return 0;
        }
    }
    return 1;
}

/* dot([bias, *weights], [1.0, *x]), or dot(weights, x) where there is no bias: NULL without an error where it is for
   Python to compute. */
static Node *neuron(const Sample *sample, Node *bias, PyObject *weights)
{
    Py_ssize_t n = sample->n, m = 0, lead = sample->lead, half = n + lead;
    PyObject *const *ws = items_of(weights, &m);
    if (!ws || m != n)
        return NULL;
    double total = 0.0;
    for (Py_ssize_t i = 0; i < n; i++)
        if (!IS_NODE(ws[i]))
            return NULL;
    if (lead) {
        total = bias->data * 1.0;
        for (Py_ssize_t i = 0; i < n; i++)
            total += ((Node *)ws[i])->data * sample->data[i];
    }
    else {
        total = ((Node *)ws[0])->data * sample->data[0];
        for (Py_ssize_t i = 1; i < n; i++)
            total += ((Node *)ws[i])->data * sample->data[i];
    }
    if (!ORDINARY(total))
        return NULL;
    if (mode_word & NO_GRAD)
        return new_leaf(total);
    Node *v = new_many(OP_DOT, operations[OP_DOT], 2 * half);
    if (!v)
        return NULL;
    v->data = total;
    Item *item = ITEMS(v);
    if (lead) {
        item->v = (Node *)Py_NewRef(bias);
        (item++ + half)->c = 1.0;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        item[i].v = (Node *)Py_NewRef(ws[i]);
        if (IS_NODE(sample->items[i]))
            item[half + i].v = (Node *)Py_NewRef(sample->items[i]);
        else
            item[half + i].c = sample->data[i];
    }
    memcpy(BITS(v), sample->bits, WORDS(2 * half) * sizeof(uint64_t));
    return v;
}

/* linear(rows, x, biases): [dot(row, x) + bias for each], without the sum where biases is None */
static PyObject *bulk_linear(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t k = 0, m = 0;
    PyObject *const *rows = count == 3 ? items_of(args[0], &k) : NULL, *const *biases = NULL, *out = NULL;
    Sample sample;
    if (rows && args[2] != Py_None && (!(biases = items_of(args[2], &m)) || m != k))
        rows = NULL;
    if (rows && sample_of(&sample, args[1], 0)) {
        out = PyList_New(k);
        for (Py_ssize_t i = 0; out && i < k; i++) {
            PyObject *v = biases && !IS_NODE(biases[i]) ? NULL : (PyObject *)neuron(&sample, NULL, rows[i]);
            if (v && biases) {
                PyObject *product = v;
                v = nb_add(product, biases[i]);
                Py_DECREF(product);
            }
            if (v)
                PyList_SET_ITEM(out, i, v);
            else
                Py_CLEAR(out);
        }
        PyMem_Free(sample.data);
    }
    return out || PyErr_Occurred() ? out : leave_to_reference("linear", args, count);
}

/* neurons(biases, rows, x, nonlin): [dot([bias, *row], [1.0, *x]) for each], its relu where nonlin is true */
static PyObject *bulk_neurons(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t k = 0, m = 0;
    PyObject *const *biases = count == 4 ? items_of(args[0], &m) : NULL;
    PyObject *const *rows = biases ? items_of(args[1], &k) : NULL, *out = NULL;
    Sample sample;
    if (rows && m == k && sample_of(&sample, args[2], 1)) {
        int nonlin = PyObject_IsTrue(args[3]);
        out = nonlin < 0 ? NULL : PyList_New(k);
        for (Py_ssize_t i = 0; out && i < k; i++) {
            PyObject *v = IS_NODE(biases[i]) ? (PyObject *)neuron(&sample, (Node *)biases[i], rows[i]) : NULL;
            if (v && nonlin) {
                PyObject *sum = v;
                v = u_relu(sum, NULL);
                Py_DECREF(sum);
            }
            if (v)
                PyList_SET_ITEM(out, i, v);
            else
                Py_CLEAR(out);
        }
        PyMem_Free(sample.data);
    }
    return out || PyErr_Occurred() ? out : leave_to_reference("neurons", args, count);
}

/* ── Parameters ───────────────────────────────────────────────────────────────────────────────────────────── */

static int all_leaves(PyObject *const *params, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++)
        if (!IS_NODE(params[i]) || CODE((Node *)params[i]) != LEAF)
            return 0;
    return 1;
}

/* zero_grad(params) */
static PyObject *bulk_zero_grad(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t n = 0;
    PyObject *const *params = count == 1 ? items_of(args[0], &n) : NULL;
    if (!params)
        return leave_to_reference("zero_grad", args, count);
    for (Py_ssize_t i = 0; i < n; i++) {
        Node *p = (Node *)params[i];
        if (!IS_NODE(p) || CODE(p) != LEAF) /* Python clears the others once more */
            return leave_to_reference("zero_grad", args, count);
        p->grad = 0.0;
        p->word &= ~(uint64_t)HAS_GRAD;
    }
    Py_RETURN_NONE;
}

/* add_gradients(values, gradients, reached) */
static PyObject *bulk_add_gradients(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t n = 0, m = 0;
    PyObject *const *values = count == 3 ? items_of(args[0], &n) : NULL;
    PyObject *const *reached = values && args[2] != Py_None ? items_of(args[2], &m) : NULL;
    Py_buffer view;
    if (!values || (args[2] != Py_None && (!reached || m != n)) || PySet_GET_SIZE(py.hooked) > 0)
        return leave_to_reference("add_gradients", args, count);
    if (PyObject_GetBuffer(args[1], &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) {
        PyErr_Clear();
        return leave_to_reference("add_gradients", args, count);
    }
    int fits = !strcmp(view.format, "d") && view.len == n * (Py_ssize_t)sizeof(double);
    const double *gradients = view.buf;
    for (Py_ssize_t i = 0; fits && i < n; i++)
        fits = IS_NODE(values[i]) && (!reached || PyBool_Check(reached[i]));
    for (Py_ssize_t i = 0; fits && i < n; i++) {
        Node *v = (Node *)values[i];
        if (reached && reached[i] == Py_False)
            continue;
        v->grad = v->word & HAS_GRAD ? v->grad + gradients[i] : gradients[i];
        v->word |= HAS_GRAD;
    }
    PyBuffer_Release(&view);
    if (!fits)
        return leave_to_reference("add_gradients", args, count);
    Py_RETURN_NONE;
}

/* Put the numbers of lists in lists at `to`, sizes[0] in the outermost one: 1, or 0 where it is for Python. */
static int put_in_row(PyObject *x, const Py_ssize_t *sizes, Py_ssize_t depth, double **to)
{
    if (!depth) {
        if (IS_NODE(x))
            **to = ((Node *)x)->data;
        else if (!plain(x, *to))
            return 0;
        ++*to;
        return 1;
    }
    Py_ssize_t n;
    PyObject *const *items = items_of(x, &n);
    if (!items || n != sizes[0])
        return 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (depth == 1 && PyFloat_CheckExact(items[i]))
            *(*to)++ = PyFloat_AS_DOUBLE(items[i]);
        else if (!put_in_row(items[i], sizes + 1, depth - 1, to))
            return 0;
    }
    return 1;
}

/* packed(samples, sizes): bytes */
static PyObject *bulk_packed(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t n = 0, depth = count == 2 && PyTuple_CheckExact(args[1]) ? PyTuple_GET_SIZE(args[1]) : 9, sizes[8];
    PyObject *const *samples = depth <= 8 ? items_of(args[0], &n) : NULL, *answer;
    double all = (double)n;
    for (Py_ssize_t i = 0; samples && i < depth; i++) {
        sizes[i] = PyLong_AsSsize_t(PyTuple_GET_ITEM(args[1], i));
        if (sizes[i] < 0)
            return NULL;
        all *= (double)sizes[i];
    }
    if (!samples || all > 1e15)
        return leave_to_reference("packed", args, count);
    if (!(answer = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)all * (Py_ssize_t)sizeof(double))))
        return NULL;
    double *to = (double *)PyBytes_AS_STRING(answer);
    for (Py_ssize_t i = 0; i < n; i++)
        if (!put_in_row(samples[i], sizes, depth, &to)) {
            Py_DECREF(answer);
            return leave_to_reference("packed", args, count);
        }
    return answer;
}

/* The arguments of an optimiser's step: parameters, columns of state, numbers. */
typedef struct {
    PyObject *const *params;
    Py_ssize_t n;
    Py_buffer views[4];
    double *columns[4], numbers[8];
    int open;
} Step;

static void close_step(Step *step)
{
    while (step->open)
        PyBuffer_Release(&step->views[--step->open]);
}

/* 1 where C can do it; 0, without an error, where it is for Python. */
static int open_step(Step *step, PyObject *const *args, Py_ssize_t count, int columns, int numbers)
{
    step->open = 0;
    if (count != 1 + columns + numbers || !(step->params = items_of(args[0], &step->n)) ||
        !all_leaves(step->params, step->n))
        return 0;
    for (int i = 0; i < numbers; i++) {
        PyObject *x = args[1 + columns + i];
        if (PyBool_Check(x))
            step->numbers[i] = x == Py_True;
        else if (!plain(x, step->numbers + i))
            return 0;
    }
    for (int i = 0; i < columns; i++) {
        Py_buffer *view = &step->views[i];
        if (PyObject_GetBuffer(args[1 + i], view, PyBUF_WRITABLE | PyBUF_FORMAT | PyBUF_ND) < 0) {
            PyErr_Clear();
            close_step(step);
            return 0;
        }
        step->open++;
        if (strcmp(view->format, "d") || view->ndim != 1 || view->shape[0] != step->n) {
            close_step(step);
            return 0;
        }
        step->columns[i] = view->buf;
    }
    return 1;
}

static inline void assign_parameter(Node *p, double data)
{
    p->data = data;
    assigned(p);
}

#define FOR_REACHED(step, i, p) \
    for (Py_ssize_t i = 0; i < (step).n; i++) \
        for (Node *p = (Node *)(step).params[i]; p && p->word & HAS_GRAD; p = NULL)

/* sgd(params, step, direction, lr, momentum, dampening, weight_decay, nesterov) */
static PyObject *bulk_sgd(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    Step step;
    if (!open_step(&step, args, count, 2, 5))
        return leave_to_reference("sgd", args, count);
    double *t = step.columns[0], *d = step.columns[1];
    double lr = step.numbers[0], momentum = step.numbers[1], dampening = step.numbers[2], decay = step.numbers[3];
    int nesterov = step.numbers[4] != 0.0;
    FOR_REACHED(step, i, p) {
        double g = decay != 0.0 ? p->grad + decay * p->data : p->grad;
        if (momentum != 0.0) {
            d[i] = t[i] != 0.0 ? momentum * d[i] + (1.0 - dampening) * g : g;
            t[i] += 1.0;
            g = nesterov ? g + momentum * d[i] : d[i];
        }
        assign_parameter(p, p->data - lr * g);
    }
    close_step(&step);
    Py_RETURN_NONE;
}

/* rmsprop(params, square, average, direction, lr, alpha, eps, weight_decay, momentum, centered) */
static PyObject *bulk_rmsprop(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    Step step;
    if (!open_step(&step, args, count, 3, 6))
        return leave_to_reference("rmsprop", args, count);
    double *v = step.columns[0], *m = step.columns[1], *d = step.columns[2];
    double lr = step.numbers[0], alpha = step.numbers[1], eps = step.numbers[2], decay = step.numbers[3];
    double momentum = step.numbers[4];
    int centered = step.numbers[5] != 0.0;
    FOR_REACHED(step, i, p) {
        double g = decay != 0.0 ? p->grad + decay * p->data : p->grad;
        v[i] = alpha * v[i] + (1.0 - alpha) * (g * g);
        if (centered)
            m[i] = alpha * m[i] + (1.0 - alpha) * g;
        double spread = v[i] < m[i] * m[i] ? 0.0 : v[i] - m[i] * m[i];
        g = g / (sqrt(spread) + eps);
        if (momentum != 0.0)
            d[i] = momentum * d[i] + g;
        assign_parameter(p, p->data - lr * (momentum != 0.0 ? d[i] : g));
    }
    close_step(&step);
    Py_RETURN_NONE;
}

/* adagrad(params, step, total, lr, lr_decay, weight_decay, eps) */
static PyObject *bulk_adagrad(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    Step step;
    if (!open_step(&step, args, count, 2, 4))
        return leave_to_reference("adagrad", args, count);
    double *t = step.columns[0], *v = step.columns[1];
    double lr = step.numbers[0], lr_decay = step.numbers[1], decay = step.numbers[2], eps = step.numbers[3];
    FOR_REACHED(step, i, p) {
        double g = decay != 0.0 ? p->grad + decay * p->data : p->grad;
        v[i] = v[i] + g * g;
        assign_parameter(p, p->data - lr / (1.0 + t[i] * lr_decay) * g / (sqrt(v[i]) + eps));
        t[i] += 1.0;
    }
    close_step(&step);
    Py_RETURN_NONE;
}

/* Parameters that Adam takes at a time. Two divisions side by side take as long as one; a row is long, since what was
   written number by number can be read as vectors only when it has left the store buffer. */
#define ADAM_ROW 256
#define ADAM_EACH for (int i = 0; i < 16; i++)

/* What a step changes of sixteen averages, by gradients g; and how far it goes. */
static void adam_steps(const double *restrict g, double *restrict average, double *restrict square, double *restrict way,
                       double lr, double beta1, double beta2, double eps, double made_up1, double made_up2)
{
    ADAM_EACH average[i] = beta1 * average[i] + (1.0 - beta1) * g[i];
    ADAM_EACH square[i] = beta2 * square[i] + (1.0 - beta2) * (g[i] * g[i]);
    ADAM_EACH way[i] = square[i] / made_up2;
#if defined(__SSE2__)
    for (int i = 0; i < 16; i += 2)
        _mm_storeu_pd(way + i, _mm_sqrt_pd(_mm_loadu_pd(way + i)));
#else
    ADAM_EACH way[i] = sqrt(way[i]);
#endif
    if (made_up1 == 1.0) /* as after some hundred steps: x / 1.0 is x */
        ADAM_EACH way[i] = lr * average[i] / (way[i] + eps);
    else
        ADAM_EACH way[i] = lr * (average[i] / made_up1) / (way[i] + eps);
}

/* adam(params, step, average, square, lr, beta1, beta2, eps, weight_decay, decoupled) */
static PyObject *bulk_adam(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    Step step;
    step.numbers[5] = 0.0; /* decoupled: False unless it is given */
    if (!open_step(&step, args, count, 3, count == 9 ? 5 : 6))
        return leave_to_reference("adam", args, count);
    double *t = step.columns[0], *m = step.columns[1], *v = step.columns[2];
    const double lr = step.numbers[0], beta1 = step.numbers[1], beta2 = step.numbers[2], eps = step.numbers[3];
    const double decay = step.numbers[4], coupled = step.numbers[5] != 0.0 ? 0.0 : decay;
    double g[ADAM_ROW] = {0.0}, average[ADAM_ROW] = {0.0}, square[ADAM_ROW] = {0.0}, way[ADAM_ROW];
    double last = 0.0, made_up1 = 1.0, made_up2 = 1.0;
    Py_ssize_t at[ADAM_ROW];
    for (Py_ssize_t i = 0; i < step.n;) {
        int k = 0;
        for (; i < step.n && k < ADAM_ROW; i++) { /* those that have taken as many steps, as most have */
            const Node *p = (Node *)step.params[i];
            if (!(p->word & HAS_GRAD))
                continue;
            if (!k && t[i] + 1.0 != last) {
                last = t[i] + 1.0;
                made_up1 = 1.0 - pow(beta1, last);
                made_up2 = 1.0 - pow(beta2, last);
            }
            if (t[i] + 1.0 != last)
                break;
            g[k] = coupled != 0.0 ? p->grad + coupled * p->data : p->grad;
            average[k] = m[i];
            square[k] = v[i];
            at[k++] = i;
        }
        for (int l = 0; l < k; l += 16)
            adam_steps(g + l, average + l, square + l, way + l, lr, beta1, beta2, eps, made_up1, made_up2);
        for (int l = 0; l < k; l++) {
            Node *p = (Node *)step.params[at[l]];
            const double x = coupled == decay ? p->data : p->data - lr * decay * p->data;
            t[at[l]] = last;
            m[at[l]] = average[l];
            v[at[l]] = square[l];
            assign_parameter(p, x - way[l]);
        }
    }
    close_step(&step);
    Py_RETURN_NONE;
}

/* ── By name ──────────────────────────────────────────────────────────────────────────────────────────────── */

#define TWIN(name) {#name, (PyCFunction)(void (*)(void))bulk_##name, METH_FASTCALL, NULL}
static PyMethodDef bulk_functions[] = {
    TWIN(dot), TWIN(sum), TWIN(linear), TWIN(neurons), TWIN(zero_grad), TWIN(add_gradients), TWIN(packed),
    TWIN(sgd), TWIN(rmsprop), TWIN(adagrad), TWIN(adam), {NULL, NULL, 0, NULL},
};

/* ── Functions of one number: autograd.tanh(x) ────────────────────────────────────────────────────────────── */

static PyObject *references[N_OPS]; /* the Python functions */

static ALWAYS_INLINE PyObject *one_number(PyObject *x, int op, int code, double (*f)(double))
{
    if (IS_NODE(x))
        return unary(x, op, code, f);
    if (PyFloat_CheckExact(x)) {
        double y = f(PyFloat_AS_DOUBLE(x));
        if (ORDINARY(y))
            return PyFloat_FromDouble(y);
    }
    return PyObject_CallOneArg(references[op], x);
}

#define FUNCTION(name, NAME) \
    static PyObject *call_##name(PyObject *Py_UNUSED(self), PyObject *x) { return one_number(x, OP_##NAME, NAME##_V, f_##name); }
FOR_UNARY(FUNCTION)
#define FUNCTION_ROW(name, NAME) [OP_##NAME] = {#name, call_##name, METH_O, NULL},
static PyMethodDef unary_functions[N_OPS] = {FOR_UNARY(FUNCTION_ROW)};

static PyObject *unary_function(int op, PyObject *reference)
{
    PyMethodDef *function = &unary_functions[op];
    PyObject *doc = PyObject_GetAttrString(reference, "__doc__"), *module = NULL, *answer = NULL;
    PyObject *text = doc ? PyUnicode_FromFormat("%s(a)\n--\n\n%S", op_rows[op].name, doc) : NULL;
    if (text && (function->ml_doc = PyUnicode_AsUTF8(text)) && (module = PyObject_GetAttrString(reference, "__module__")))
        answer = PyCFunction_NewEx(function, NULL, module);
    if (answer)
        Py_XSETREF(references[op], Py_NewRef(reference)); /* and text lives on, since its characters are the doc */
    else
        Py_XDECREF(text);
    Py_XDECREF(doc);
    Py_XDECREF(module);
    return answer;
}

/* twin(function): the one here of the same name, but for underscores before it, or the function itself */
static PyObject *module_twin(PyObject *Py_UNUSED(module), PyObject *reference)
{
    PyObject *name = PyObject_GetAttrString(reference, "__name__"), *answer = NULL;
    const char *text = name ? PyUnicode_AsUTF8(name) : NULL;
    if (!text)
        return NULL;
    for (int i = 0; bulk_functions[i].ml_name && !answer; i++)
        if (!strcmp(text + strspn(text, "_"), bulk_functions[i].ml_name)) {
            twins[i].name = bulk_functions[i].ml_name;
            Py_XSETREF(twins[i].reference, Py_NewRef(reference));
            answer = PyCFunction_New(&bulk_functions[i], NULL);
        }
    for (int op = 0; op < N_OPS && !answer && !PyErr_Occurred(); op++)
        if (op_rows[op].f1 && !strcmp(text, op_rows[op].name))
            answer = unary_function(op, reference);
    if (!answer && !PyErr_Occurred())
        answer = Py_NewRef(reference);
    Py_DECREF(name);
    return answer;
}
