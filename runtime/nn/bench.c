/* How fast the networks run, against what the processor can do: fused multiply-adds in registers,
 * and a matrix product. FLOPs are those of the direct convolution; Winograd needs fewer, so that a
 * share of the peak may exceed one. */
#include "runtime/nn/internal.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
	CHAINS = 12,
	ROUNDS = 1 << 20
}; /* 12 independent chains cover a latency of 4 at 2 a cycle */

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static double spin512(double x)
{
	__m512 a[CHAINS], m = _mm512_set1_ps((float)x), c = _mm512_set1_ps(1e-9F);

	for (int i = 0; i < CHAINS; i++)
		a[i] = _mm512_set1_ps((float)i);
	for (int k = 0; k < ROUNDS; k++) {
		for (int i = 0; i < CHAINS; i++)
			a[i] = _mm512_fmadd_ps(a[i], m, c);
	}
	for (int i = 1; i < CHAINS; i++)
		a[0] = _mm512_add_ps(a[0], a[i]);
	return (double)_mm512_reduce_add_ps(a[0]);
}

__attribute__((target("avx2,fma"))) static double spin256(double x)
{
	__m256 a[CHAINS], m = _mm256_set1_ps((float)x), c = _mm256_set1_ps(1e-9F);
	float v[8];

	for (int i = 0; i < CHAINS; i++)
		a[i] = _mm256_set1_ps((float)i);
	for (int k = 0; k < ROUNDS; k++) {
		for (int i = 0; i < CHAINS; i++)
			a[i] = _mm256_fmadd_ps(a[i], m, c);
	}
	for (int i = 1; i < CHAINS; i++)
		a[0] = _mm256_add_ps(a[0], a[i]);
	_mm256_storeu_ps(v, a[0]);
	return (double)v[0];
}
#endif

/* GFLOP/s of all threads; 0 where we have no such code. */
static double measure_fma(int threads)
{
	double begun, best = 0, sink = 0;
	int lanes = 0;

#if defined(__x86_64__)
	lanes = __builtin_cpu_supports("avx512f") ? 16 : __builtin_cpu_supports("avx2") ? 8 : 0;
#endif
	for (int k = 0; lanes && k < 5; k++) {
		begun = clock_seconds();
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : sink)
		for (int i = 0; i < threads; i++) {
#if defined(__x86_64__)
			sink += lanes == 16 ? spin512(0.999) : spin256(0.999);
#endif
		}
		begun = clock_seconds() - begun;
		if (2e-9 * lanes * CHAINS * ROUNDS * threads / begun > best)
			best = 2e-9 * lanes * CHAINS * ROUNDS * threads / begun;
	}
	return sink == 0.5 ? 0 : best; /* the sums must be used */
}

precess_status nn_bench_measure_peak(struct nn_bench_peak *out, int threads)
{
	enum { N = 1024 };
	float *m = memory_aligned(3 * (size_t)N * N * sizeof *m);
	int before = omp_get_max_threads();
	precess_status st = PRECESS_OK;
	double begun;

	if (!m)
		return precess_wrap(PRECESS_ENOMEM, "benchmark");
	omp_set_num_threads(threads);
	for (size_t i = 0; i < 2 * (size_t)N * N; i++)
		m[(size_t)N * N + i] = (float)(i % 17) - 8;
	out->fma = measure_fma(threads);
	out->sgemm = 0;
	for (int k = 0; k < 5; k++) {
		begun = clock_seconds();
		TRY(onednn_sgemm(m, m + (size_t)N * N, m + 2 * (size_t)N * N, N));
		begun = 2e-9 * N * N * N / (clock_seconds() - begun);
		out->sgemm = begun > out->sgemm ? begun : out->sgemm;
	}
out:
	omp_set_num_threads(before);
	free(m);
	return st;
}

/* Two parameters and three maps: the paper's sequences. */
static precess_status build(struct net **out, int width)
{
	static const struct net_param param[] = { { "a", 0, 1 }, { "b", 0, 1 } };
	static const struct net_channel map[] = {
		{ .kind = NET_CHANNEL_MAP, .map = PROGRAM_MAP_T2, .sub = 1, .scale = 1 },
		{ .kind = NET_CHANNEL_MAP, .map = PROGRAM_MAP_M0, .sub = 1, .scale = 1 },
		{ .kind = NET_CHANNEL_MAP, .map = PROGRAM_MAP_B1, .sub = 1, .scale = 1 },
	};
	struct net_interface in = { .name = "bench",
				    .matrix = { 128, 128 },
				    .param = param,
				    .n_param = 2,
				    .channel = map,
				    .n_channel = 3 };
	struct net_template t;
	precess_status st = net_template_parse(&t, "name bench\n", "bench");

	t.width = width;
	return st ? st : net_build_simunet(out, &t, &in);
}

static precess_status pass(struct nn *nn, const struct nn_bench_row *row, const float *label)
{
	precess_status st;
	double loss;

	if (row->training && nn_is_remote(nn)) {
		const struct network_adam still = { .b1 = 1, .b2 = 1, .epsilon = 1 };

		return nn_remote_step(&loss, nn, label, NULL, &still);
	}
	if (row->training)
		nn_parameters(nn); /* a training step packs the weights anew */
	st = nn_forward(nn);
	return st || !row->training ? st : nn_loss_backward(&loss, nn, label, NULL);
}

precess_status nn_bench(struct nn_bench_row *row, const struct nn_bench_peak *peak, int threads,
			double seconds)
{
	struct nn_options o = { .batch = row->batch,
				.precision = row->precision,
				.threads = threads,
				.training = row->training,
				.device = row->device };
	struct net *net = NULL;
	struct nn *nn = NULL;
	float *label = memory_aligned(2 * 128 * 128 * (size_t)row->batch * sizeof *label);
	double begun, best = 1e30, total = 0, took;
	precess_status st;

	if (!label)
		return precess_wrap(PRECESS_ENOMEM, "benchmark");
	TRY(build(&net, row->width));
	TRY(nn_create(&nn, net, &o));
	nn_initialise(nn, 1);
	for (size_t i = 0; i < 5 * 128 * 128 * (size_t)row->batch; i++)
		nn_input(nn, 0)[i] = (float)(i % 31) / 31;
	TRY(pass(nn, row, label));
	while (total < seconds) {
		begun = clock_seconds();
		TRY(pass(nn, row, label));
		took = clock_seconds() - begun;
		total += took;
		best = took < best ? took : best;
	}
	row->ms_per_image = 1e3 * best / row->batch;
	row->gflops = 1e-6 * (row->training ? 3 : 1) * net_flops(net) / row->ms_per_image;
	row->peak_share = peak->fma > 0 ? row->gflops / peak->fma : 0;
out:
	nn_free(nn);
	net_free(net);
	free(label);
	return st;
}

void nn_bench_print(struct text *out, const struct nn_bench_row *row, int n,
		    const struct nn_bench_peak *peak)
{
	text_printf(out, "fused multiply-add %.0f GFLOP/s, sgemm %.0f GFLOP/s\n", peak->fma,
		    peak->sgemm);
	text_printf(out, "%5s %5s %9s %-9s %12s %9s %6s\n", "width", "batch", "precision", "pass",
		    "ms per image", "GFLOP/s", "share");
	for (int i = 0; i < n; i++)
		text_printf(out, "%5d %5d %9s %-9s %12.2f %9.1f %5.0f%%\n", row[i].width,
			    row[i].batch, row[i].precision == NN_BF16 ? "bf16" : "f32",
			    row[i].training ? "training" : "forward", row[i].ms_per_image,
			    row[i].gflops, 100 * row[i].peak_share);
}
