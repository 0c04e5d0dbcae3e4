/* Instruction sets that a function is compiled for beside the common one, and the best of them that this processor has.

   A clone computes the same bits: the same operations in the same order, more of them side by side. Nothing is
   contracted (-ffp-contract=off), so that a set with fused operations does not use them. */

#ifndef CHAINRULE_CLONES_H
#define CHAINRULE_CLONES_H

#if defined(__GNUC__) && defined(__x86_64__)
#define OFFERS_CLONES 1
#define TARGET_V3 __attribute__((target("avx,avx2,bmi,bmi2,lzcnt,popcnt")))
#define TARGET_V4 __attribute__((target("avx,avx2,bmi,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl")))
#else
#define OFFERS_CLONES 0
#endif

enum { CLONE_COMMON, CLONE_V3, CLONE_V4 };  /* what the compiler was told to build for, x86-64-v3, x86-64-v4 */
static const char *const clone_names[] = {"common", "x86-64-v3", "x86-64-v4"};

static int best_clone(void)
{
#if OFFERS_CLONES
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) {
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
            && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
            return CLONE_V4;
        return CLONE_V3;
    }
#endif
    return CLONE_COMMON;
}

#endif
