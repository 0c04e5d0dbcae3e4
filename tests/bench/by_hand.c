/* The workloads of replay.py as a C programmer would write them: value and gradient, by hand, without an engine.

   Each function returns the value and puts the gradient by x into g. */

#include <math.h>
#include <string.h>

#define FOR(i, n) for (int i = 0; i < (n); i++)

double sum_tanh(const double *data, long n, const double *x, double *g)
{
    const double *a = x, *b = x + n, *c = x + 2 * n;
    double total = 0.0;
    (void)data;
    for (long i = 0; i < n; i++) {
        double t = tanh(a[i] * b[i] + c[i]), square = a[i] * a[i], slope = (1.0 - t * t) * square;
        total += t * square;
        g[i] = slope * b[i] + 2.0 * t * a[i];
        g[n + i] = slope * a[i];
        g[2 * n + i] = slope;
    }
    return total;
}

double rosenbrock(const double *data, long n, const double *x, double *g)
{
    double total = 0.0;
    (void)data;
    g[0] = 0.0;
    for (long i = 0; i + 1 < n; i++) {
        double u = x[i + 1] - x[i] * x[i], v = 1.0 - x[i];
        total += 100.0 * u * u + v * v;
        g[i] -= 400.0 * u * x[i] + 2.0 * v;
        g[i + 1] = 200.0 * u;
    }
    return total;
}

double black_scholes(const double *data, long n, const double *x, double *g)
{
    const double spot = x[0], strike = x[1], rate = x[2], volatility = x[3], time = x[4];
    const double root = sqrt(time), spread = volatility * root;
    const double d = (log(spot / strike) + (rate + 0.5 * volatility * volatility) * time) / spread, e = d - spread;
    const double nd = 0.5 * (1.0 + erf(d * M_SQRT1_2)), ne = 0.5 * (1.0 + erf(e * M_SQRT1_2));
    const double discount = exp(-rate * time), density = 0.5 * M_2_SQRTPI * M_SQRT1_2 * exp(-0.5 * d * d);
    (void)data, (void)n;
    g[0] = nd;
    g[1] = -discount * ne;
    g[2] = strike * time * discount * ne;
    g[3] = spot * density * root;
    g[4] = spot * density * volatility / (2.0 * root) + rate * strike * discount * ne;
    return spot * nd - strike * discount * ne;
}

double bodies(const double *data, long n, const double *x, double *g)
{
    double total = 0.0;
    (void)data;
    memset(g, 0, 3 * (size_t)n * sizeof *g);
    for (long i = 0; i < n; i++)
        for (long j = i + 1; j < n; j++) {
            const double *p = x + 3 * i, *q = x + 3 * j;
            double a = p[0] - q[0], b = p[1] - q[1], c = p[2] - q[2], square = a * a + b * b + c * c;
            double inverse = 1.0 / sqrt(square), cube = inverse / square;
            total -= inverse;
            g[3 * i] += cube * a, g[3 * i + 1] += cube * b, g[3 * i + 2] += cube * c;
            g[3 * j] -= cube * a, g[3 * j + 1] -= cube * b, g[3 * j + 2] -= cube * c;
        }
    return total;
}

/* 2-16-16-1; a neuron is its weights and its bias; data: x, y, label of each point. */
double moons(const double *data, long n, const double *x, double *g)
{
    enum { H = 16 };
    const double *w1 = x, *w2 = x + 3 * H, *w3 = w2 + 17 * H;
    double *g1 = g, *g2 = g + 3 * H, *g3 = g2 + 17 * H, first[3][H], second[17][H], total = 0.0, penalty = 0.0;
    double d1[3][H] = {{0.0}}, d2[H][H] = {{0.0}}, b2[H] = {0.0}, d3[H] = {0.0}, b3 = 0.0;
    FOR(j, H) {
        FOR(i, 3) first[i][j] = w1[3 * j + i];
        FOR(i, 17) second[i][j] = w2[17 * j + i];
    }
    for (long k = 0; k < n; k++) {
        const double p = data[3 * k], q = data[3 * k + 1], label = data[3 * k + 2];
        double h1[H], h2[H], e1[H], e2[H], score = w3[H];
        FOR(j, H) h1[j] = first[2][j] + first[0][j] * p + first[1][j] * q;
        FOR(j, H) h1[j] = h1[j] > 0.0 ? h1[j] : 0.0;
        FOR(j, H) h2[j] = second[H][j];
        FOR(i, H) FOR(j, H) h2[j] += second[i][j] * h1[i];
        FOR(j, H) h2[j] = h2[j] > 0.0 ? h2[j] : 0.0;
        FOR(j, H) score += w3[j] * h2[j];
        double loss = 1.0 - label * score;
        if (loss <= 0.0)
            continue;
        total += loss;
        double delta = -label / (double)n;
        b3 += delta;
        FOR(j, H) d3[j] += delta * h2[j];
        FOR(j, H) e2[j] = h2[j] > 0.0 ? delta * w3[j] : 0.0;
        FOR(j, H) b2[j] += e2[j];
        FOR(i, H) e1[i] = 0.0;
        FOR(j, H) FOR(i, H) e1[i] += w2[17 * j + i] * e2[j];
        FOR(j, H) FOR(i, H) d2[j][i] += e2[j] * h1[i];
        FOR(i, H) e1[i] = h1[i] > 0.0 ? e1[i] : 0.0;
        FOR(i, H) d1[0][i] += e1[i] * p;
        FOR(i, H) d1[1][i] += e1[i] * q;
        FOR(i, H) d1[2][i] += e1[i];
    }
    FOR(j, H) {
        FOR(i, 3) g1[3 * j + i] = d1[i][j];
        FOR(i, H) g2[17 * j + i] = d2[j][i];
        g2[17 * j + H] = b2[j];
        g3[j] = d3[j];
    }
    g3[H] = b3;
    FOR(i, 20 * H + 17) {
        penalty += x[i] * x[i];
        g[i] += 2e-4 * x[i];
    }
    return total / (double)n + 1e-4 * penalty;
}

/* y = w x, or x's share of the gradient and w's, of rows of weights; `wide` is a constant of each call. */
static inline void apply(const double *w, int rows, int wide, const double *x, double *y)
{
    FOR(j, rows) {
        double sums[4] = {0.0};
        for (int i = 0; i < wide; i += 4)
            FOR(k, 4) sums[k] += w[j * wide + i + k] * x[i + k];
        y[j] = sums[0] + sums[1] + sums[2] + sums[3];
    }
}

static inline void apply_back(const double *w, int rows, int wide, const double *x, const double *dy, double *dx,
                              double *dw)
{
    FOR(j, rows) FOR(i, wide) {
        dx[i] += w[j * wide + i] * dy[j];
        dw[j * wide + i] += x[i] * dy[j];
    }
}

enum { LETTERS = 27, WIDTH = 16, HEADS = 4, SIZE = 4, POSITIONS = 8, MOST = 64 };

static inline double scale_of(const double *x)
{
    double square = 0.0;
    FOR(i, WIDTH) square += x[i] * x[i];
    return 1.0 / sqrt(1e-5 + square / WIDTH);
}

/* dx of y = scale(x) x */
static inline void norm_back(const double *x, double scale, const double *dy, double *dx)
{
    double inner = 0.0;
    FOR(i, WIDTH) inner += x[i] * dy[i];
    const double share = scale * scale * scale * inner / WIDTH;
    FOR(i, WIDTH) dx[i] += scale * dy[i] - share * x[i];
}

/* One layer, causal attention, rms norms; data: the letters. */
double microgpt(const double *data, long n, const double *x, double *g)
{
    const double *embed = x, *place = embed + LETTERS * WIDTH, *ask = place + POSITIONS * WIDTH;
    const double *offer = ask + WIDTH * WIDTH, *give = offer + WIDTH * WIDTH, *mix = give + WIDTH * WIDTH;
    const double *widen = mix + WIDTH * WIDTH, *narrow = widen + 4 * WIDTH * WIDTH, *head = narrow + 4 * WIDTH * WIDTH;
    static double raw[MOST][WIDTH], x0[MOST][WIDTH], y0[MOST][WIDTH], q[MOST][WIDTH], k[MOST][WIDTH], v[MOST][WIDTH];
    static double at[MOST][HEADS][MOST], mixed[MOST][WIDTH], x1[MOST][WIDTH], y1[MOST][WIDTH], h[MOST][4 * WIDTH];
    static double x2[MOST][WIDTH], dx2[WIDTH], dk[MOST][WIDTH], dv[MOST][WIDTH], chances[MOST][LETTERS];
    double s0[MOST], s1[MOST], s2[MOST], total = 0.0;
    memset(g, 0, (size_t)(head + LETTERS * WIDTH - x) * sizeof *g);
    memset(dk, 0, sizeof dk);
    memset(dv, 0, sizeof dv);
    FOR(t, n) {
        double out[WIDTH], logits[LETTERS], top = -INFINITY, all = 0.0;
        FOR(i, WIDTH) raw[t][i] = embed[(int)data[t] * WIDTH + i] + place[t % POSITIONS * WIDTH + i];
        s0[t] = scale_of(raw[t]);
        FOR(i, WIDTH) x0[t][i] = s0[t] * raw[t][i];
        s1[t] = scale_of(x0[t]);
        FOR(i, WIDTH) y0[t][i] = s1[t] * x0[t][i];
        apply(ask, WIDTH, WIDTH, y0[t], q[t]);
        apply(offer, WIDTH, WIDTH, y0[t], k[t]);
        apply(give, WIDTH, WIDTH, y0[t], v[t]);
        FOR(a, HEADS) {
            double most = -INFINITY, sum = 0.0;
            FOR(u, t + 1) {
                double score = 0.0;
                FOR(i, SIZE) score += q[t][a * SIZE + i] * k[u][a * SIZE + i];
                at[t][a][u] = score *= 0.5;
                most = score > most ? score : most;
            }
            FOR(u, t + 1) sum += at[t][a][u] = exp(at[t][a][u] - most);
            FOR(i, SIZE) mixed[t][a * SIZE + i] = 0.0;
            FOR(u, t + 1) {
                at[t][a][u] /= sum;
                FOR(i, SIZE) mixed[t][a * SIZE + i] += at[t][a][u] * v[u][a * SIZE + i];
            }
        }
        apply(mix, WIDTH, WIDTH, mixed[t], out);
        FOR(i, WIDTH) x1[t][i] = x0[t][i] + out[i];
        s2[t] = scale_of(x1[t]);
        FOR(i, WIDTH) y1[t][i] = s2[t] * x1[t][i];
        apply(widen, 4 * WIDTH, WIDTH, y1[t], h[t]);
        FOR(i, 4 * WIDTH) h[t][i] = h[t][i] > 0.0 ? h[t][i] : 0.0;
        apply(narrow, WIDTH, 4 * WIDTH, h[t], out);
        FOR(i, WIDTH) x2[t][i] = x1[t][i] + out[i];
        apply(head, LETTERS, WIDTH, x2[t], logits);
        FOR(i, LETTERS) top = logits[i] > top ? logits[i] : top;
        FOR(i, LETTERS) all += chances[t][i] = exp(logits[i] - top);
        FOR(i, LETTERS) chances[t][i] /= all;
        total -= log(chances[t][(int)data[t + 1]]);
    }
    double *at_g[] = {g, g + (place - x), g + (ask - x), g + (offer - x), g + (give - x), g + (mix - x),
                      g + (widen - x), g + (narrow - x), g + (head - x)};
    for (int t = (int)n - 1; t >= 0; t--) {
        double dlogits[LETTERS], dh[4 * WIDTH] = {0.0}, dy1[WIDTH] = {0.0}, dx1[WIDTH] = {0.0}, dmixed[WIDTH] = {0.0};
        double dq[WIDTH] = {0.0}, dy0[WIDTH] = {0.0}, dx0[WIDTH] = {0.0}, draw[WIDTH] = {0.0};
        FOR(i, LETTERS) dlogits[i] = (chances[t][i] - (i == (int)data[t + 1])) / (double)n;
        memset(dx2, 0, sizeof dx2);
        apply_back(head, LETTERS, WIDTH, x2[t], dlogits, dx2, at_g[8]);
        apply_back(narrow, WIDTH, 4 * WIDTH, h[t], dx2, dh, at_g[7]);
        FOR(i, 4 * WIDTH) dh[i] = h[t][i] > 0.0 ? dh[i] : 0.0;
        apply_back(widen, 4 * WIDTH, WIDTH, y1[t], dh, dy1, at_g[6]);
        memcpy(dx1, dx2, sizeof dx1);
        norm_back(x1[t], s2[t], dy1, dx1);
        apply_back(mix, WIDTH, WIDTH, mixed[t], dx1, dmixed, at_g[5]);
        FOR(a, HEADS) {
            double slopes[MOST], inner = 0.0;
            FOR(u, t + 1) {
                slopes[u] = 0.0;
                FOR(i, SIZE) {
                    slopes[u] += dmixed[a * SIZE + i] * v[u][a * SIZE + i];
                    dv[u][a * SIZE + i] += at[t][a][u] * dmixed[a * SIZE + i];
                }
                inner += slopes[u] * at[t][a][u];
            }
            FOR(u, t + 1) {
                const double d = 0.5 * at[t][a][u] * (slopes[u] - inner);
                FOR(i, SIZE) {
                    dq[a * SIZE + i] += d * k[u][a * SIZE + i];
                    dk[u][a * SIZE + i] += d * q[t][a * SIZE + i];
                }
            }
        }
        apply_back(ask, WIDTH, WIDTH, y0[t], dq, dy0, at_g[2]);
        apply_back(offer, WIDTH, WIDTH, y0[t], dk[t], dy0, at_g[3]);
        apply_back(give, WIDTH, WIDTH, y0[t], dv[t], dy0, at_g[4]);
        memcpy(dx0, dx1, sizeof dx0);
        norm_back(x0[t], s1[t], dy0, dx0);
        norm_back(raw[t], s0[t], dx0, draw);
        FOR(i, WIDTH) {
            at_g[0][(int)data[t] * WIDTH + i] += draw[i];
            at_g[1][t % POSITIONS * WIDTH + i] += draw[i];
        }
    }
    return total / (double)n;
}

/* 64-32-10; data: pixels and label of each image. */
double digits(const double *data, long n, const double *x, double *g)
{
    enum { IN = 64, H = 32, OUT = 10 };
    const double *w1 = x, *b1 = w1 + H * IN, *w2 = b1 + H, *b2 = w2 + OUT * H;
    double *g1 = g, *gb1 = g1 + H * IN, *g2 = gb1 + H, *gb2 = g2 + OUT * H, first[IN][H], total = 0.0;
    memset(g, 0, (size_t)(H * IN + H + OUT * H + OUT) * sizeof *g);
    FOR(j, H) FOR(i, IN) first[i][j] = w1[j * IN + i];
    for (long k = 0; k < n; k++) {
        const double *pixels = data + k * (IN + 1);
        const int label = (int)pixels[IN];
        double h[H], dh[H] = {0.0}, chances[OUT], top = -INFINITY, all = 0.0;
        FOR(j, H) h[j] = b1[j];
        FOR(i, IN) FOR(j, H) h[j] += first[i][j] * pixels[i];
        FOR(j, H) h[j] = h[j] > 0.0 ? h[j] : 0.0;
        apply(w2, OUT, H, h, chances);
        FOR(i, OUT) {
            chances[i] += b2[i];
            top = chances[i] > top ? chances[i] : top;
        }
        FOR(i, OUT) all += chances[i] = exp(chances[i] - top);
        total -= log(chances[label] / all);
        FOR(i, OUT) {
            const double delta = (chances[i] / all - (i == label)) / (double)n;
            gb2[i] += delta;
            FOR(j, H) {
                dh[j] += w2[i * H + j] * delta;
                g2[i * H + j] += h[j] * delta;
            }
        }
        FOR(j, H) {
            const double delta = h[j] > 0.0 ? dh[j] : 0.0;
            gb1[j] += delta;
            FOR(i, IN) g1[j * IN + i] += pixels[i] * delta;
        }
    }
    return total / (double)n;
}
