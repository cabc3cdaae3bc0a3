/* The sequence that made the images. */
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/map.h"

static bool is_set(const struct option_list *set, const char *name)
{
	size_t n = strcspn(name, "["); /* an array is set as one */

	for (size_t i = 0; i < set->n; i++) {
		if (!strncmp(set->item[i], name, n) && set->item[i][n] == '=')
			return true;
	}
	return false;
}

int map_sequence_open(struct map_sequence *q, const char *path, const struct compile_options *o,
		      const struct io_image *image, const char *image_name)
{
	const struct program *p;
	int rc;

	memset(q, 0, sizeof *q);
	if ((rc = compile(&q->compiled, path, o)) != 0)
		return rc;
	if (!(p = q->compiled.program))
		return argument_error("%s is a module: it plays nothing by itself", path);
	q->param = malloc((p->n_param + 1) * sizeof *q->param);
	if (!q->param)
		return world_error(precess_fail(PRECESS_ENOMEM, "out of memory"));
	for (uint32_t i = 0; i < p->n_param; i++) {
		q->param[i] = p->param[i].value;
		for (size_t j = 0; j < image->n_param && !is_set(&o->set, p->param[i].name); j++) {
			if (!strcmp(image->param[j].name, p->param[i].name))
				q->param[i] = image->param[j].value;
		}
	}
	if (image->program_hash && strcmp(image->program_hash, p->hash) != 0)
		fprintf(stderr,
			"precess: warning: %s was made by another sequence than %s, or by "
			"another version of it\n",
			image_name, path);
	return EXIT_OK;
}

void map_sequence_close(struct map_sequence *q)
{
	compiled_free(&q->compiled);
	free(q->param);
}
