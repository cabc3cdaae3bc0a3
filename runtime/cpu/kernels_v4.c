/* The kernels for x86-64-v4: AVX-512. */
#if defined(__x86_64__)
#define KERNELS cpu_kernels_v4
#define ISA "avx512"
#define WIDTH 16
#define REGISTERS 32
#include "runtime/cpu/kernels.inc"
#else
typedef int empty;
#endif
