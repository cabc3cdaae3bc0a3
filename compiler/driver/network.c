/* Network templates by name: those of models/ are in the program, others are files. */
#include "compiler/driver/templates.h"

#include <stdlib.h>
#include <string.h>

#include "compiler/driver/driver.h"

/* A template is a page of text. */
#define TEMPLATE_LIMIT (1 << 20)

static const char *find(const char *name)
{
	static const struct {
		const char *word, *name;
	} preset[] = { { "derived", "simunet" }, { "paper", "simunet_paper" }, { "t2", "t2map" } };
	for (size_t i = 0; i < PRECESS_COUNT(preset); i++)
		if (!strcmp(preset[i].word, name))
			name = preset[i].name;
	for (const struct network_text *t = network_texts; t->name; t++)
		if (!strcmp(t->name, name))
			return t->text;
	return NULL;
}

precess_status network_template(struct net_template *out, const char *name)
{
	const char *text = find(name), *dot = strrchr(name, '.');
	if (text)
		return net_template_parse(out, text, name);
	if (!dot || strcmp(dot, ".net")) {
		struct text known;
		text_init(&known);
		for (const struct network_text *t = network_texts; t->name; t++)
			text_printf(&known, "%s%s", known.n ? ", " : "", t->name);
		precess_fail(PRECESS_EINVAL, "no network is called %s; there are derived, paper, %s and "
			     "files FILE.net", name, known.data);
		text_free(&known);
		return PRECESS_EINVAL;
	}
	char *bytes;
	precess_status st = file_read(&bytes, NULL, name, TEMPLATE_LIMIT);
	if (st)
		return st;
	st = net_template_parse(out, bytes, name);
	free(bytes);
	return st;
}
