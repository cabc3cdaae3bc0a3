// The emulated backend as the library that the program looks for: what the command line does with a
// device can be tested without one.
#include "tests/cuda/emulate.cpp"

extern "C" const struct backend *precess_backend(void)
{
	return &CUDA_TABLE;
}
