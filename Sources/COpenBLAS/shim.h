#pragma once
#include <cblas.h>

// Debian's OpenBLAS carries LAPACK but no LAPACKE header: the few Fortran routines in use are declared here.
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
             double *work, const int *lwork, int *iwork, const int *liwork, int *info);
void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s,
             double *u, const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork,
             int *iwork, int *info);
void dposv_(const char *uplo, const int *n, const int *nrhs, double *a, const int *lda, double *b,
            const int *ldb, int *info);

// Exported by OpenBLAS's dynamic-architecture builds, declared in no header: they choose the kernels anew.
void gotoblas_dynamic_quit(void);
void gotoblas_dynamic_init(void);
