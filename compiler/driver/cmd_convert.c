/* precess convert: images and raw data in another format. */
#include "compiler/driver/driver.h"

int cmd_convert(int argc, char **argv)
{
	struct option_list files = { 0 };
	const char *output = NULL;
	const struct option table[] = {
		{ "--output", "-o", OPTION_TEXT, &output, 0, 0, "file to write: .nii, .nii.gz or .cfl" },
	};
	int rc = options_parse("convert", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (files.n != 1)
		return usage_error("convert", files.n ? "one file at a time" : "which file?");
	if (!output)
		return usage_error("convert", "convert wants -o OUT.nii or -o OUT.cfl");
	precess_status st = file_output_probe(output);
	if (!st)
		st = io_convert(output, files.item[0]);
	if (st)
		return world_error(st);
	printf("wrote %s\n", output);
	return EXIT_OK;
}
