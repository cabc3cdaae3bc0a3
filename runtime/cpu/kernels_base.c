/* The kernels for any processor. */
#define KERNELS cpu_kernels_base
#define ISA "baseline"
#define WIDTH 4
#define REGISTERS 16
#include "runtime/cpu/kernels.inc"
