/* Files that a command will write, looked at before its work. */
#include "compiler/driver/driver.h"

precess_status outputs_probe(const char *path, const char *prefix)
{
	struct text picture;
	precess_status st;

	text_init(&picture);
	text_printf(&picture, "%s.png", prefix ? prefix : "");
	TRY(file_output_probe(path));
	if (prefix)
		st = file_output_probe(picture.data);
out:
	text_free(&picture);
	return st;
}
