/* Elementary functions on vectors, for programs that may be wrong in the last two bits: stream.h includes this once for
   each instruction set. No error is larger than 3 ulp (tests/test_fast.py measures them), nan, infinities, zeros and
   subnormal numbers are as in libm, and the bits are the same in every set, as there is no fused multiply-add.

   The polynomials are Taylor's, of so many terms that the next one is below 2^-55 of the sum. */

#define AS_BITS(x) FOR(bits)(x)
#define AS_NUMBER(bits) FOR(number)(bits)
#define SHIFTER 0x1.8p52 /* added to a small number, it leaves the nearest whole one in the last bits */
#define LOG2_E 0x1.71547652b82fep0
#define LN2_HIGH 0x1.62e42fefa3800p-1 /* so few bits that its product with an exponent is exact */
#define LN2_LOW 0x1.ef35793c76730p-45

static ALWAYS_INLINE MASK FOR(bits)(V x)
{
    MASK bits;
    memcpy(&bits, &x, sizeof x);
    return bits;
}

static ALWAYS_INLINE V FOR(number)(MASK bits)
{
    V x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static ALWAYS_INLINE V FOR(magnitude)(V x)
{
    return AS_NUMBER(AS_BITS(x) & ~AS_BITS(ALL(-0.0)));
}

/* 2^n of whole n between -1022 and 1023. */
static ALWAYS_INLINE V FOR(power_of_two)(V n)
{
    return AS_NUMBER((AS_BITS(n + ALL(SHIFTER + 1023.0)) - AS_BITS(ALL(SHIFTER))) << 52);
}

/* exp(r) - 1 where x = n ln 2 + r, with n put into *n. */
static ALWAYS_INLINE V FOR(reduced)(V x, V *n)
{
    *n = (x * ALL(LOG2_E) + ALL(SHIFTER)) - ALL(SHIFTER);
    const V r = (x - *n * ALL(LN2_HIGH)) - *n * ALL(LN2_LOW);
    V sum = ALL(1.0 / 6227020800.0);
    sum = sum * r + ALL(1.0 / 479001600.0);
    sum = sum * r + ALL(1.0 / 39916800.0);
    sum = sum * r + ALL(1.0 / 3628800.0);
    sum = sum * r + ALL(1.0 / 362880.0);
    sum = sum * r + ALL(1.0 / 40320.0);
    sum = sum * r + ALL(1.0 / 5040.0);
    sum = sum * r + ALL(1.0 / 720.0);
    sum = sum * r + ALL(1.0 / 120.0);
    sum = sum * r + ALL(1.0 / 24.0);
    sum = sum * r + ALL(1.0 / 6.0);
    sum = sum * r + ALL(0.5);
    return r + r * r * sum;
}

static ALWAYS_INLINE V FOR(fast_exp)(V x)
{
    V n;
    x = PICK(x > ALL(710.0), ALL(710.0), PICK(x < ALL(-746.0), ALL(-746.0), x));
    const V y = ALL(1.0) + FOR(reduced)(x, &n);
    const V half = (n * ALL(0.5) + ALL(SHIFTER)) - ALL(SHIFTER); /* in two steps: 2^n itself may be no number */
    return y * FOR(power_of_two)(half) * FOR(power_of_two)(n - half);
}

/* log(2^e m) = e ln 2 + 2 artanh(s), s = (m - 1) / (m + 1), m between √½ and √2. */
static ALWAYS_INLINE V FOR(fast_log)(V x)
{
    const V normal = PICK(x < ALL(0x1p-1022), x * ALL(0x1p54), x);
    const MASK above = AS_BITS(normal) - AS_BITS(ALL(0x1.6a09e667f3bcdp-1));
    const MASK exponent = above >> 52;
    const V m = AS_NUMBER(AS_BITS(normal) - (exponent << 52));
    const V e = AS_NUMBER(exponent + AS_BITS(ALL(SHIFTER))) - PICK(x < ALL(0x1p-1022), ALL(SHIFTER + 54.0), ALL(SHIFTER));
    const V f = m - ALL(1.0), s = f / (m + ALL(1.0)), q = s * s;
    V sum = ALL(2.0 / 21.0);
    sum = sum * q + ALL(2.0 / 19.0);
    sum = sum * q + ALL(2.0 / 17.0);
    sum = sum * q + ALL(2.0 / 15.0);
    sum = sum * q + ALL(2.0 / 13.0);
    sum = sum * q + ALL(2.0 / 11.0);
    sum = sum * q + ALL(2.0 / 9.0);
    sum = sum * q + ALL(2.0 / 7.0);
    sum = sum * q + ALL(2.0 / 5.0);
    sum = sum * q + ALL(2.0 / 3.0);
    const V y = e * ALL(LN2_HIGH) + (f - (s * (f - q * sum) - e * ALL(LN2_LOW))); /* 2 s is f - s f */
    const V ends = PICK(x == ALL(0.0), ALL(-INFINITY), PICK(x < ALL(0.0), ALL(NAN), x)); /* inf and nan are themselves */
    return PICK((x > ALL(0.0)) & (x < ALL(INFINITY)), y, ends);
}

/* With t = exp(2|x|) - 1: t / (t + 2). */
static ALWAYS_INLINE V FOR(fast_tanh)(V x)
{
    V n, a = FOR(magnitude)(x);
    a = PICK(a > ALL(22.0), ALL(22.0), a); /* from there on it is 1 */
    const V y = FOR(reduced)(a + a, &n), scale = FOR(power_of_two)(n);
    const V t = scale * y + (scale - ALL(1.0));
    return AS_NUMBER(AS_BITS(t / (t + ALL(2.0))) | (AS_BITS(x) & AS_BITS(ALL(-0.0))));
}

static ALWAYS_INLINE V FOR(fast_sigmoid)(V x)
{
    const V z = FOR(fast_exp)(-FOR(magnitude)(x));
    return PICK(x < ALL(0.0), z, ALL(1.0)) / (ALL(1.0) + z);
}

static ALWAYS_INLINE V FOR(fast_sigmoid_slope)(V x)
{
    const V z = FOR(fast_exp)(-FOR(magnitude)(x)), w = ALL(1.0) + z, rest = z - (w - ALL(1.0));
    return z / (w * w + ALL(2.0) * w * rest); /* (1 + z)², with what the rounding of w left out */
}

static ALWAYS_INLINE V FOR(fast_sech2)(V x)
{
    return ALL(4.0) * FOR(fast_sigmoid_slope)(x + x);
}

#undef SHIFTER
#undef LOG2_E
#undef LN2_HIGH
#undef LN2_LOW
