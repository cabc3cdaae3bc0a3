/* Any bytes as a Pulseq file: read or refused, and what is read can be verified, written as Pulseq
 * and as source, or refused. */
#include <stdlib.h>
#include <string.h>

#include "compiler/pulseq/pulseq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);
	struct pulseq_source_options o = { .origin = "f", .data = "d.h5", .loops = true,
					   .ideal = true, .slack = 1e-5 };
	struct pulseq_samples *samples;
	struct arena *arena;
	size_t n_samples;
	struct text out;
	struct ir *ir;

	if (!text)
		return 0;
	memcpy(text, data, n);
	text[n] = '\0';
	text_init(&out);
	if (!pulseq_parse(&ir, text, n, "fuzz.seq", &out)) {
		if (ir_verify(ir))
			abort();
		pulseq_write(&out, ir, NULL, 5, 0, NULL);
		arena = arena_create();
		pulseq_source(&out, &samples, &n_samples, arena, ir, &o);
		arena_free(arena);
		ir_free(ir);
	}
	text_free(&out);
	free(text);
	return 0;
}
