/* The kernels for x86-64-v3: AVX2 and fused multiply-add. */
#if defined(__x86_64__)
#define KERNELS cpu_kernels_v3
#define ISA "avx2"
#define WIDTH 8
#define REGISTERS 16
#include "runtime/cpu/kernels.inc"
#else
typedef int empty;
#endif
