// The CUDA backend's own sources as C++, launches as loops (runtime/cuda/launch.h).
#define PRECESS_CUDA_EMULATED
#include "runtime/cuda/backend_cuda.cu"
#include "runtime/cuda/ceilings.cu"
#include "runtime/cuda/circle.cu"
#include "runtime/cuda/direct.cu"
#include "runtime/cuda/readout.cu"
#include "runtime/cuda/state.cu"
#include "runtime/cuda/transform.cu"

extern "C" void emulated_fall(int falling);
extern "C" void emulated_fall(int falling)
{
	emulated_falling = falling != 0;
}
