/* Float functions written by hand in C, each bit for bit what its Python twin computes; and what printed code calls.

   The twins stand in autograd/special.py under the same names; `floordiv` and `mod` are Python's // and %. Where
   the Python function raises, these give inf or nan. Compile with -ffp-contract=off: a fused a * b + c has other bits. */

#ifndef CHAINRULE_NUMERICS_H
#define CHAINRULE_NUMERICS_H

#include <Python.h>
#include <math.h>
#include <string.h>

/* ── Two numbers ─────────────────────────────────────────────────────────────────────────────────────────── */

/* Python's max(a, b): the first of two that don't compare greater. */
static inline double larger(double a, double b)
{
    return b > a ? b : a;
}

/* a % b: what is left has the sign of b. */
static inline double mod(double a, double b)
{
    double rest = fmod(a, b);
    if (rest == 0.0)
        return copysign(0.0, b);
    return (b < 0.0) != (rest < 0.0) ? rest + b : rest;
}

/* a // b, from the exact remainder: floor(a / b) would be one too large where a / b rounds up to a whole number. */
static inline double floordiv(double a, double b)
{
    if (b == 0.0)
        return a / b;
    double rest = fmod(a, b);
    double quotient = (a - rest) / b;
    if (rest != 0.0 && (b < 0.0) != (rest < 0.0))
        quotient -= 1.0;
    if (quotient == 0.0)
        return copysign(0.0, a / b);
    double whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1.0 : whole;
}

/* ── Many numbers, left to right ─────────────────────────────────────────────────────────────────────────── */

static inline double add_up(const double *x, Py_ssize_t n)
{
    double total = n ? x[0] : 0.0;
    for (Py_ssize_t i = 1; i < n; i++)
        total += x[i];
    return total;
}

static inline double mean(const double *x, Py_ssize_t n)
{
    return add_up(x, n) / (double)n;
}

static inline double prod(const double *x, Py_ssize_t n)
{
    double product = 1.0;
    for (Py_ssize_t i = 0; i < n; i++)
        product *= x[i];
    return product;
}

/* Of x[0] y[0] + x[1] y[1] …, the y in the second half. */
static inline double dot(const double *x, Py_ssize_t n)
{
    const Py_ssize_t half = n / 2;
    const double *y = x + half;
    double total = half ? x[0] * y[0] : 0.0;
    for (Py_ssize_t i = 1; i < half; i++)
        total += x[i] * y[i];
    return total;
}

/* ── The largest, and what is measured from it ───────────────────────────────────────────────────────────── */

/* Python's max(x): a nan stands only where it is the first. */
static inline double peak(const double *x, Py_ssize_t n)
{
    double top = n ? x[0] : NAN;
    for (Py_ssize_t i = 1; i < n; i++)
        top = larger(top, x[i]);
    return top;
}

static inline int any_nan(const double *x, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++)
        if (x[i] != x[i])
            return 1;
    return 0;
}

static inline double maximum(const double *x, Py_ssize_t n)
{
    return any_nan(x, n) ? NAN : peak(x, n);
}

static inline double minimum(const double *x, Py_ssize_t n)
{
    double least = n ? x[0] : NAN;
    for (Py_ssize_t i = 1; i < n; i++)
        least = x[i] < least ? x[i] : least;
    return any_nan(x, n) ? NAN : least;
}

/* Σ exp(x[i] - top), the i-th left out; none is with i = -1. */
static inline double exp_sum(const double *x, Py_ssize_t n, double top, Py_ssize_t without)
{
    double total = 0.0;
    for (Py_ssize_t i = 0; i < n; i++)
        if (i != without)
            total += exp(x[i] - top);
    return total;
}

static inline double logsumexp(const double *x, Py_ssize_t n)
{
    const double top = peak(x, n);
    if (top != top || isinf(top))
        return top == -INFINITY || any_nan(x, n) ? add_up(x, n) : top;
    Py_ssize_t first = 0;
    while (x[first] != top)
        first++;
    return top + log1p(exp_sum(x, n, top, first));
}

/* ── One of many: x[0] is the index of one of the n - 1 others ───────────────────────────────────────────── */

/* Where in x Python's xs[int(x[0])] is, which may count from the end; 0 where nothing is. */
static inline Py_ssize_t position(const double *x, Py_ssize_t n)
{
    if (n < 2 || !(x[0] > -(double)n && x[0] < (double)(n - 1)))
        return 0;
    const Py_ssize_t i = (Py_ssize_t)x[0];
    return i < 0 ? i + n : i + 1;
}

static inline double pick(const double *x, Py_ssize_t n)
{
    const Py_ssize_t at = position(x, n);
    return at ? x[at] : NAN;
}

static inline double softmax(const double *x, Py_ssize_t n)
{
    const double chosen = pick(x, n), top = peak(x + 1, n - 1);
    return exp(chosen - top) / exp_sum(x + 1, n - 1, top, -1);
}

static inline double log_softmax(const double *x, Py_ssize_t n)
{
    const double chosen = pick(x, n), top = peak(x + 1, n - 1);
    if (chosen == top) {
        const Py_ssize_t at = (Py_ssize_t)x[0];
        return 0.0 - log1p(exp_sum(x + 1, n - 1, top, (double)at == x[0] ? at : -1));
    }
    return (chosen - top) - log(exp_sum(x + 1, n - 1, top, -1));
}

/* ── For printed rules: lists that live as long as a call ────────────────────────────────────────────────── */

enum { SMALL = 64 };

/* Room for n numbers: in `small`, which holds SMALL of them, or NULL with a MemoryError set. */
static inline double *borrow(double *small, Py_ssize_t n)
{
    if (n <= SMALL)
        return small;
    double *room = n <= PY_SSIZE_T_MAX / (Py_ssize_t)sizeof(double) ? PyMem_Malloc((size_t)n * sizeof(double)) : NULL;
    if (room == NULL)
        PyErr_NoMemory();
    return room;
}

static inline void give_back(double *small, double *room)
{
    if (room != small)
        PyMem_Free(room);
}

/* The list x without its i-th number, put in `room`. */
static inline const double *others(double *room, const double *x, Py_ssize_t n, Py_ssize_t i)
{
    memcpy(room, x, (size_t)i * sizeof(double));
    memcpy(room + i, x + i + 1, (size_t)(n - i - 1) * sizeof(double));
    return room;
}

#endif
