/* The journal of a run: a text that names the recipe, then one record per sample, each with a
 * checksum. It is only ever appended to, so what a killed run leaves is whole samples and at
 * most one torn one, which is cut off. HDF5 could not promise that: its directory is rewritten
 * while it grows.
 *
 *     "precess journal 1\n", u64 length, recipe and first sample as text
 *     record: u32 magic, u32 crc, u64 index, u64 bytes; numbers, sizes of the fields, fields
 * All in this machine's byte order: a journal does not travel. */
#include "runtime/data/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static const char title[] = "precess journal 1\n";
static const uint32_t magic = 0x53504d31; /* "1MPS" */
static const uint64_t record_limit = (uint64_t)1 << 31;

struct head {
	uint32_t magic, crc;
	uint64_t index, bytes;
};

struct journal {
	char *path;
	FILE *file;
	uint32_t n_param;
	int n_field;
	uint64_t first, n, capacity;
	int64_t *at; /* where each record lies */
};

const char *journal_path(const struct journal *j)
{
	return j->path;
}

static precess_status cannot(const struct journal *j, const char *what)
{
	return precess_fail(PRECESS_EIO, "cannot %s %s: %s", what, j->path, strerror(errno));
}

static uint32_t checksum(const struct head *h, const unsigned char *bytes)
{
	uLong crc = crc32(0, (const Bytef *)&h->index, sizeof h->index);

	crc = crc32(crc, (const Bytef *)&h->bytes, sizeof h->bytes);
	return (uint32_t)crc32(crc, bytes, (uInt)h->bytes);
}

/* ------------------------------------------------------------------ opening */
static precess_status remember(struct journal *j, int64_t at)
{
	if (j->n == j->capacity) {
		uint64_t capacity = j->capacity ? 2 * j->capacity : 256;
		int64_t *grown = realloc(j->at, capacity * sizeof *grown);

		if (!grown)
			return precess_fail(PRECESS_ENOMEM, "out of memory");
		j->at = grown;
		j->capacity = capacity;
	}
	j->at[j->n++] = at;
	return PRECESS_OK;
}

/* Reads the record here; false at the end or at a torn one. */
static bool read_record(struct journal *j, struct head *h, unsigned char **bytes)
{
	*bytes = NULL;
	if (fread(h, sizeof *h, 1, j->file) != 1 || h->magic != magic || h->bytes > record_limit)
		return false;
	*bytes = malloc(h->bytes + 1);
	if (*bytes && fread(*bytes, 1, h->bytes, j->file) == h->bytes &&
	    checksum(h, *bytes) == h->crc)
		return true;
	free(*bytes);
	*bytes = NULL;
	return false;
}

static precess_status scan(struct journal *j)
{
	precess_status st = PRECESS_OK;
	int64_t at = ftello(j->file);
	unsigned char *bytes;
	struct head h;

	while (!st && read_record(j, &h, &bytes)) {
		free(bytes);
		if (h.index != j->first + j->n)
			break;
		st = remember(j, at);
		at = ftello(j->file);
	}
	if (!st && (ftruncate(fileno(j->file), at) || fseeko(j->file, at, SEEK_SET)))
		st = cannot(j, "write");
	return st;
}

static precess_status read_title(struct journal *j, const char *text, uint64_t length)
{
	char found[sizeof title] = "", *old = NULL;
	uint64_t n = 0;
	precess_status st = PRECESS_OK;

	if (fread(found, sizeof title - 1, 1, j->file) != 1 || strcmp(found, title) ||
	    fread(&n, sizeof n, 1, j->file) != 1 || n > record_limit)
		return precess_fail(PRECESS_EINVAL,
				    "%s is no journal of samples; remove it or "
				    "choose another output",
				    j->path);
	old = calloc(n + 1, 1);
	if (!old)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	if (fread(old, 1, n, j->file) != n || n != length || memcmp(old, text, n))
		st = precess_fail(PRECESS_EINVAL,
				  "%s was begun with another sequence, seed, number "
				  "of samples or option; remove it to begin anew",
				  j->path);
	free(old);
	return st;
}

static precess_status write_title(struct journal *j, const char *text, uint64_t length)
{
	if (fwrite(title, sizeof title - 1, 1, j->file) != 1 ||
	    fwrite(&length, sizeof length, 1, j->file) != 1 ||
	    fwrite(text, 1, length, j->file) != length || fflush(j->file))
		return cannot(j, "write");
	return PRECESS_OK;
}

static precess_status open_file(struct journal *j)
{
	int fd = open(j->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0)
		return cannot(j, "write");
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return precess_fail(PRECESS_EIO, "%s: another run is writing it", j->path);
	}
	j->file = fdopen(fd, "r+b");
	if (!j->file) {
		close(fd);
		return cannot(j, "write");
	}
	return PRECESS_OK;
}

precess_status journal_open(struct journal **out, uint64_t *n, const char *path, const char *recipe,
			    uint64_t first, const struct data_shape *shape)
{
	struct journal *j = calloc(1, sizeof *j);
	struct data_field field[DATA_FIELDS];
	precess_status st;
	struct stat info;
	struct text t;

	*out = NULL;
	text_init(&t);
	text_printf(&t, "%sfirst %" PRIu64 "\n", recipe, first);
	if (!j || !(j->path = malloc(strlen(path) + 16))) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	sprintf(j->path, "%s.partial", path);
	j->first = first;
	j->n_param = shape->n_param;
	j->n_field = data_fields(field, shape);
	TRY(open_file(j));
	if (fstat(fileno(j->file), &info)) {
		st = cannot(j, "read");
		goto out;
	}
	if (info.st_size == 0)
		TRY(write_title(j, t.data, t.n));
	else
		TRY(read_title(j, t.data, t.n));
	TRY(scan(j));
	*n = j->n;
	*out = j;
	j = NULL;
out:
	text_free(&t);
	journal_close(j, false);
	return st;
}

void journal_close(struct journal *j, bool forget)
{
	if (!j)
		return;
	if (forget)
		unlink(j->path);
	if (j->file)
		fclose(j->file);
	free(j->path);
	free(j->at);
	free(j);
}

/* ------------------------------------------------------------------ records */
precess_status journal_add(struct journal *j, const struct data_packed *p)
{
	size_t numbers = (p->n_param + 1) * sizeof *p->number;
	size_t sizes = (size_t)p->n_field * sizeof(uint64_t);
	struct head h = { .magic = magic, .index = p->index, .bytes = numbers + sizes };
	unsigned char *bytes, *to;
	int64_t at = ftello(j->file);
	precess_status st;
	bool ok;

	for (int i = 0; i < p->n_field; i++)
		h.bytes += p->size[i];
	bytes = to = malloc(h.bytes);
	if (!bytes)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	memcpy(to, p->number, numbers);
	to += numbers;
	for (int i = 0; i < p->n_field; i++, to += sizeof(uint64_t))
		memcpy(to, &(uint64_t){ p->size[i] }, sizeof(uint64_t));
	for (int i = 0; i < p->n_field; to += p->size[i], i++)
		memcpy(to, p->bytes[i], p->size[i]);
	h.crc = checksum(&h, bytes);
	ok = fwrite(&h, sizeof h, 1, j->file) == 1 &&
	     fwrite(bytes, 1, h.bytes, j->file) == h.bytes && !fflush(j->file);
	free(bytes);
	if (!ok)
		return cannot(j, "write");
	st = remember(j, at);
	return st;
}

static precess_status damaged(const struct journal *j)
{
	return precess_fail(PRECESS_EIO, "%s is damaged", j->path);
}

static precess_status take_apart(struct data_packed *p, const struct journal *j,
				 const struct head *h, const unsigned char *bytes)
{
	size_t numbers = (p->n_param + 1) * sizeof *p->number;
	size_t at = numbers + (size_t)p->n_field * sizeof(uint64_t);

	if (at > h->bytes)
		return damaged(j);
	p->number = malloc(numbers);
	if (!p->number)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	memcpy(p->number, bytes, numbers);
	for (int i = 0; i < p->n_field; i++) {
		uint64_t n;

		memcpy(&n, bytes + numbers + (size_t)i * sizeof n, sizeof n);
		if (n > h->bytes - at)
			return damaged(j);
		p->size[i] = n;
		p->bytes[i] = malloc(n + 1);
		if (!p->bytes[i])
			return precess_fail(PRECESS_ENOMEM, "out of memory");
		memcpy(p->bytes[i], bytes + at, n);
		at += n;
	}
	return PRECESS_OK;
}

precess_status journal_read(struct data_packed **out, struct journal *j, uint64_t i)
{
	struct data_packed *p = calloc(1, sizeof *p);
	unsigned char *bytes = NULL;
	struct head h;
	precess_status st;

	*out = NULL;
	if (!p)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	if (i >= j->n || fseeko(j->file, j->at[i], SEEK_SET) || !read_record(j, &h, &bytes)) {
		st = damaged(j);
		goto out;
	}
	p->index = h.index;
	p->n_param = j->n_param;
	p->n_field = j->n_field;
	TRY(take_apart(p, j, &h, bytes));
	*out = p;
	p = NULL;
out:
	free(bytes);
	data_packed_free(p);
	return st;
}
