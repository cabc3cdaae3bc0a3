// The device's own layers as C++, launches as loops (runtime/cudnn/each.h); convolutions are the
// plain kernels.
#define PRECESS_CUDA_EMULATED
#include "runtime/cudnn/conv.cu"
#include "runtime/cudnn/layers.cu"
#include "runtime/cudnn/network.cu"

// No cuDNN here: no layer has a convolution of its.
static precess_status absent(void)
{
	return precess_fail(PRECESS_ENOTSUP, "the emulation has no cuDNN");
}
bool convolution_is_fused(const struct convolution *)
{
	return true;
}
precess_status convolution_forward(struct convolution *, void *, const void *, const void *,
				   const void *, void *)
{
	return absent();
}
precess_status convolution_data(struct convolution *, void *, const void *, const void *, void *)
{
	return absent();
}
precess_status convolution_weights(struct convolution *, void *, const void *, const void *, void *)
{
	return absent();
}
