/* From a file's bytes to an IR. */
#include "compiler/pulseq/internal.h"

#include <stdlib.h>

precess_status pulseq_parse(struct ir **out, const char *bytes, size_t n, const char *path,
			    struct text *warnings)
{
	/* Version 1.2, rasters as they were before files told them; see also read_version. */
	struct file f = { .path = path, .warnings = warnings, .version = 1002,
			  .block_raster = 10e-6, .grad_raster = 10e-6, .rf_raster = 1e-6,
			  .adc_raster = 100e-9 };
	precess_status st;

	*out = NULL;
	f.arena = arena_create();
	st = lang_sniff(bytes, n) == LANG_PULSEQ_BINARY ? pulseq_binary(&f, bytes, n)
							: pulseq_tables(&f, bytes, n);
	if (!st)
		st = pulseq_build(out, &f);
	pulseq_tables_free(&f);
	return st;
}

precess_status pulseq_read(struct ir **out, const char *path, struct text *warnings)
{
	precess_status st;
	char *bytes;
	size_t n;

	*out = NULL;
	if ((st = file_read(&bytes, &n, path, PULSEQ_FILE_LIMIT)))
		return st;
	st = pulseq_parse(out, bytes, n, path, warnings);
	free(bytes);
	return st;
}
