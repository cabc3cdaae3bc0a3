/* Finding and opening a device. */
#include "runtime/backend/backend.h"

#include <stdlib.h>
#include <string.h>

enum { REGISTERED = 8 };

static const struct backend *registered[REGISTERED];

void backend_register(const struct backend *b)
{
	for (int i = 0; i < REGISTERED; i++) {
		if (!registered[i] || registered[i] == b) {
			registered[i] = b;
			return;
		}
	}
}

precess_status backend_failed(const struct backend *b, precess_status st, const char *what)
{
	char text[512];

	/* a copy: a table that is linked in shares the place where the text is kept */
	snprintf(text, sizeof text, "%s", b->error());
	return precess_fail(st, "%s: %s: %s", b->name, what, text);
}

static precess_status load(const struct backend **out, const char *name)
{
	char file[64];
	const struct backend *b;
	backend_entry entry;
	void *symbol;
	precess_status st;

	snprintf(file, sizeof file, "backend_%s.so", name);
	if ((st = plugin_open(&symbol, file, "precess_backend")))
		return precess_wrap(st, "%s", name);
	memcpy(&entry, &symbol, sizeof entry); /* a cast would not be C11 */
	b = entry();
	if (b->version != BACKEND_VERSION || b->size != sizeof *b)
		return precess_fail(PRECESS_EDEVICE, "%s: %s has version %u of the table of "
				    "operations, this program needs %d: build both together", name,
				    file, b->version, BACKEND_VERSION);
	*out = b;
	return PRECESS_OK;
}

static precess_status find(const struct backend **out, const char *name)
{
	for (int i = 0; i < REGISTERED && registered[i]; i++) {
		if (!strcmp(registered[i]->name, name)) {
			*out = registered[i];
			return PRECESS_OK;
		}
	}
	if (strcmp(name, "cuda"))
		return precess_fail(PRECESS_EINVAL, "no device \"%s\": there are auto, cpu, cuda "
				    "and cuda:N", name);
	return load(out, name);
}

static precess_status open_at(const struct backend **out, struct text *why, const char *name,
			      int index)
{
	const struct backend *b = NULL;
	char describe[160];
	precess_status st;
	int n;

	if ((st = find(&b, name)))
		return st;
	n = b->devices();
	if (n <= 0)
		return backend_failed(b, PRECESS_EDEVICE, "no device (auto takes the processor then)");
	if (index >= n)
		return precess_fail(PRECESS_EDEVICE, "%s:%d: there %s %d of them", name, index,
				    n == 1 ? "is" : "are", n);
	if ((st = b->select(index)) || (st = b->describe(describe, sizeof describe, index)))
		return backend_failed(b, PRECESS_EDEVICE, "the device does not answer");
	text_printf(why, "%s:%d (%s)", name, index, describe);
	*out = b;
	return PRECESS_OK;
}

precess_status backend_open(const struct backend **out, struct text *why, const char *device)
{
	const char *colon;
	char name[32], *end;
	long index = 0;
	size_t n;

	*out = NULL;
	if (!device || !strcmp(device, "cpu")) {
		text_printf(why, "cpu: %s", device ? "as asked" : "unless asked otherwise");
		return PRECESS_OK;
	}
	if (!strcmp(device, "auto")) {
		if (open_at(out, why, "cuda", 0))
			text_printf(why, "cpu: %s", precess_error());
		return PRECESS_OK;
	}
	colon = strchr(device, ':');
	n = colon ? (size_t)(colon - device) : strlen(device);
	if (colon) {
		index = strtol(colon + 1, &end, 10);
		if (*end || end == colon + 1 || index < 0 || index > 1023)
			return precess_fail(PRECESS_EINVAL, "device \"%s\": a number from 0 to 1023 "
					    "follows the colon", device);
	}
	if (n >= sizeof name)
		n = sizeof name - 1;
	memcpy(name, device, n);
	name[n] = '\0';
	return open_at(out, why, name, (int)index);
}
