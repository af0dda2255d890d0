#pragma once
#include <cblas.h>
#include <malloc.h>

// Debian's OpenBLAS carries LAPACK but no LAPACKE header: the few Fortran routines in use are declared here.
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
             double *work, const int *lwork, int *iwork, const int *liwork, int *info);
void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s,
             double *u, const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork,
             int *iwork, int *info);
void dgelqf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work,
             const int *lwork, int *info);
void dposv_(const char *uplo, const int *n, const int *nrhs, double *a, const int *lda, double *b,
            const int *ldb, int *info);

// Exported by OpenBLAS's dynamic-architecture builds, declared in no header: they choose the kernels anew.
// Weak: a build for one architecture has neither.
__attribute__((weak)) void gotoblas_dynamic_quit(void);
__attribute__((weak)) void gotoblas_dynamic_init(void);

/// Makes OpenBLAS choose its kernels anew, by OPENBLAS_CORETYPE; returns 0 where this build cannot.
static inline int restain_choose_blas_kernels(void) {
  if (!gotoblas_dynamic_quit || !gotoblas_dynamic_init) return 0;
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  return 1;
}

/// Keeps freed memory for the next allocation of any size instead of giving it back page by page.
static inline void restain_keep_freed_memory(void) {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

#if defined(__x86_64__)
#include <immintrin.h>

/// Makes this thread treat denormal floats as 0 (results and operands); returns the state before.
static inline unsigned int restain_flush_denormals(void) {
  unsigned int before = _mm_getcsr();
  _mm_setcsr(before | 0x8040u);
  return before;
}

/// Puts this thread's floating-point state back.
static inline void restain_restore_float_state(unsigned int state) { _mm_setcsr(state); }

/// Whether this CPU, and the system under it, runs code compiled for AVX2 with FMA.
static inline int restain_has_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/// Whether this CPU is AMD's.
static inline int restain_is_amd(void) {
  __builtin_cpu_init();
  return __builtin_cpu_is("amd") != 0;
}

/// Whether this CPU, and the system under it, runs code compiled for skylake-avx512.
static inline int restain_has_avx512(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl");
}
#endif
