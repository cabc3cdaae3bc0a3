/* precess bench network: Simu-Net's forward pass and training step against the processor's peak, a
 * plain matrix product, and PyTorch where it is installed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/driver/bench.h"
#include "runtime/nn/nn.h"

#define BATCH 4
#define SECONDS 1.0 /* per row: the best pass of these counts */

/* The same network in PyTorch; prints the best seconds of each row as a line. */
static const char *const script[] = {
	"import sys, time, torch, torch.nn as nn, torch.nn.functional as F\n",
	"width, batch, threads, seconds = [int(v) for v in sys.argv[1:4]] + [float(sys.argv[4])]\n",
	"torch.set_num_threads(threads)\n",
	"class Conv(nn.Module):\n",
	"    def __init__(self, i, o):\n",
	"        super().__init__()\n",
	"        self.c = nn.Conv2d(i, o, 3, padding=1)\n",
	"    def forward(self, x):\n",
	"        return F.relu(self.c(x))\n",
	"class Net(nn.Module):\n",
	"    def __init__(self, w, maps=5, hidden=1472, levels=5):\n",
	"        super().__init__()\n",
	"        self.maps, n = maps, (maps + 1) * 16 + 17 * 16\n",
	"        self.mlp = nn.Sequential(nn.Linear(2, hidden), nn.ReLU(),\n",
	"                                 nn.Linear(hidden, hidden), nn.ReLU(),\n",
	"                                 nn.Linear(hidden, n))\n",
	"        c = [w << i for i in range(levels)]\n",
	"        self.enc = nn.ModuleList([nn.Sequential(Conv(c[i - 1] if i else 16, c[i]),\n",
	"                                                Conv(c[i], c[i]))\n",
	"                                  for i in range(levels)])\n",
	"        self.up = nn.ModuleList([Conv(c[i + 1], c[i]) for i in range(levels - 1)])\n",
	"        self.dec = nn.ModuleList([nn.Sequential(Conv(2 * c[i], c[i]), Conv(c[i], c[i]))\n",
	"                                  for i in range(levels - 1)])\n",
	"        self.head = nn.Conv2d(w, 2, 1)\n",
	"    def forward(self, x, p):\n",
	"        k, b, at = self.mlp(p), x.shape[0], 0\n",
	"        for i, (n, relu) in enumerate(((self.maps, True), (16, False))):\n",
	"            m = k[:, at:at + 16 * n].reshape(b, 16, n)\n",
	"            v = k[:, at + 16 * n:at + 16 * n + 16].reshape(b, 16, 1)\n",
	"            x = (torch.bmm(m, x.reshape(b, n, -1)) + v).reshape(b, 16, *x.shape[2:])\n",
	"            x, at = F.relu(x) if relu else x, at + 16 * n + 16\n",
	"        skip = []\n",
	"        for i, e in enumerate(self.enc):\n",
	"            x = e(F.max_pool2d(x, 2) if i else x)\n",
	"            skip.append(x)\n",
	"        for i in reversed(range(len(self.dec))):\n",
	"            x = self.up[i](F.interpolate(x, scale_factor=2))\n",
	"            x = self.dec[i](torch.cat([skip[i], x], 1))\n",
	"        return self.head(x)\n",
	"for bf16 in (False, True):\n",
	"    for training in (False, True):\n",
	"        torch.manual_seed(1)\n",
	"        net = Net(width).to(memory_format=torch.channels_last)\n",
	"        x = torch.rand(batch, 5, 128, 128).to(memory_format=torch.channels_last)\n",
	"        p, y = torch.rand(batch, 2), torch.rand(batch, 2, 128, 128)\n",
	"        adam = torch.optim.Adam(net.parameters())\n",
	"        def step():\n",
	"            with torch.autocast('cpu', torch.bfloat16, enabled=bf16):\n",
	"                out = net(x, p)\n",
	"            if training:\n",
	"                adam.zero_grad()\n",
	"                (out.float() - y).abs().mean().backward()\n",
	"                adam.step()\n",
	"        best, end = 1e9, 0\n",
	"        with torch.set_grad_enabled(training):\n",
	"            step()\n",
	"            end = time.perf_counter() + seconds\n",
	"            while time.perf_counter() < end:\n",
	"                begun = time.perf_counter()\n",
	"                step()\n",
	"                best = min(best, time.perf_counter() - begun)\n",
	"        print(best, flush=True)\n",
};

/* Milliseconds per image of f32 forward, training, bf16 forward, training; NAN where PyTorch or its
 * bf16 is missing. */
static void measure_pytorch(double ms[4], int width, int threads)
{
	char path[] = "/tmp/precess-bench-XXXXXX";
	int fd = mkstemp(path);
	for (int i = 0; i < 4; i++)
		ms[i] = NAN;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		return;
	for (size_t i = 0; i < PRECESS_COUNT(script); i++)
		fputs(script[i], f);
	fclose(f);
	struct text command;
	text_init(&command);
	text_printf(&command, "python3 %s %d %d %d %g 2>/dev/null", path, width, BATCH, threads,
		    SECONDS);
	FILE *run = popen(command.data, "r");
	for (int i = 0; run && i < 4; i++) {
		double seconds;
		if (fscanf(run, "%lf", &seconds) != 1)
			break;
		ms[i] = seconds * 1e3 / BATCH;
	}
	if (run)
		pclose(run);
	remove(path);
	text_free(&command);
}

static json_t *number_or_null(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *json_row(const struct nn_bench_row *r, double pytorch)
{
	json_t *j = json_pack("{s:i, s:i, s:s, s:s, s:f, s:f, s:f}", "width", r->width, "batch",
			      r->batch, "precision", r->precision == NN_BF16 ? "bf16" : "f32",
			      "pass", r->training ? "training" : "forward", "ms_per_image",
			      r->ms_per_image, "gflops", r->gflops, "peak_share", r->peak_share);
	json_object_set_new(j, "pytorch_ms", number_or_null(pytorch));
	return j;
}

static void print_row(const struct nn_bench_row *r, double pytorch)
{
	printf("%5d  %-9s %-9s %9.2f %9.1f %7.0f %%", r->width,
	       r->precision == NN_BF16 ? "bf16" : "f32", r->training ? "training" : "forward",
	       r->ms_per_image, r->gflops, 100 * r->peak_share);
	if (isfinite(pytorch))
		printf(" %11.2f", pytorch);
	printf("\n");
}

static precess_status one_width(int width, const struct nn_bench_peak *peak, int threads,
				bool pytorch, const char *device, json_t *rows)
{
	double torch_ms[4] = { NAN, NAN, NAN, NAN };
	if (pytorch)
		measure_pytorch(torch_ms, width, threads);
	for (int i = 0; i < 4; i++) {
		struct nn_bench_row row = {
			.width = width,
			.batch = BATCH,
			.precision = i / 2 ? NN_BF16 : NN_F32,
			.training = i % 2,
			.device = device,
		};
		precess_status st = nn_bench(&row, peak, threads, SECONDS);
		if (st)
			return st;
		if (rows)
			json_array_append_new(rows, json_row(&row, torch_ms[i]));
		else
			print_row(&row, torch_ms[i]);
	}
	return PRECESS_OK;
}

int bench_network(int width, int threads, bool pytorch, const char *device, bool json)
{
	static const int widths[] = { 32, 64 };
	struct nn_bench_peak peak;
	json_t *rows = json ? json_array() : NULL;
	precess_status st;
	if (!threads)
		threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
	TRY(nn_bench_measure_peak(&peak, threads));
	if (!json)
		printf("%d thread%s: multiply-add %.0f GFLOP/s, matrix product %.0f GFLOP/s\n"
		       "%5s  %-9s %-9s %9s %9s %9s%s\n",
		       threads, threads == 1 ? "" : "s", peak.fma, peak.sgemm, "width", "precision",
		       "pass", "ms/image", "GFLOP/s", "of peak", pytorch ? "  PyTorch ms" : "");
	for (size_t i = 0; i < PRECESS_COUNT(widths); i++)
		if (!width || width == widths[i])
			TRY(one_width(widths[i], &peak, threads, pytorch, device, rows));
	if (width && width != widths[0] && width != widths[1])
		TRY(one_width(width, &peak, threads, pytorch, device, rows));
	if (json)
		json_put(json_pack("{s:b, s:i, s:f, s:f, s:O}", "ok", 1, "threads", threads,
				   "fma_gflops", peak.fma, "sgemm_gflops", peak.sgemm, "rows",
				   rows));
out:
	json_decref(rows);
	if (!st)
		return EXIT_OK;
	return json ? json_failure(NULL, EXIT_WORLD) : world_error(st);
}
