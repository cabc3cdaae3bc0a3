/* Messages on the wire: a header with Content-Length, an empty line, JSON. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "compiler/lsp/server.h"

/* A file is at most 64 MiB, and its JSON text at most six times that; nobody writes such files. */
#define MESSAGE_LIMIT ((size_t)128 << 20)
#define HEADER_LIMIT 4096

/* More bytes into the buffer; false at the end of the input. */
static bool fill(struct server *s)
{
	ssize_t n;
	if (s->begin) {
		memmove(s->buffer, s->buffer + s->begin, s->end - s->begin);
		s->end -= s->begin;
		s->begin = 0;
	}
	if (s->end == s->capacity) {
		s->capacity = s->capacity ? 2 * s->capacity : 65536;
		s->buffer = realloc(s->buffer, s->capacity);
		if (!s->buffer)
			abort();
	}
	do
		n = read(s->in, s->buffer + s->end, s->capacity - s->end);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	s->end += (size_t)n;
	return true;
}

/* Bytes of the header with its empty line; 0: not there yet. */
static size_t header_end(const struct server *s)
{
	for (size_t i = s->begin; i + 1 < s->end; i++) {
		if (s->buffer[i] != '\n')
			continue;
		if (s->buffer[i + 1] == '\n')
			return i + 2 - s->begin;
		if (s->buffer[i + 1] == '\r' && i + 2 < s->end && s->buffer[i + 2] == '\n')
			return i + 3 - s->begin;
	}
	return 0;
}

/* Content-Length of a header, -1 when it has none that can be read. */
static long long length_of(const char *header, size_t n)
{
	static const char key[] = "Content-Length:";
	for (size_t i = 0; i + sizeof key <= n; i++) {
		if ((i && header[i - 1] != '\n') || strncasecmp(header + i, key, sizeof key - 1))
			continue;
		char *end, digits[32] = { 0 };
		size_t left = n - (i + sizeof key - 1);
		memcpy(digits, header + i + sizeof key - 1, left < 31 ? left : 31);
		errno = 0;
		long long v = strtoll(digits, &end, 10);
		return end == digits || errno || v < 0 ? -1 : v;
	}
	return -1;
}

static bool skip(struct server *s, size_t n)
{
	while (n > s->end - s->begin) {
		n -= s->end - s->begin;
		s->begin = s->end = 0;
		if (!fill(s))
			return false;
	}
	s->begin += n;
	return true;
}

int message_read(json_t **out, struct server *s)
{
	size_t head;
	*out = NULL;
	while (!(head = header_end(s))) {
		if (s->end - s->begin > HEADER_LIMIT) { /* no header: the tail may begin one */
			s->begin = s->end - 64;
			return LSP_BROKEN;
		}
		if (!fill(s))
			return LSP_END;
	}
	long long length = length_of(s->buffer + s->begin, head);
	s->begin += head;
	if (length < 0)
		return LSP_BROKEN;
	if ((unsigned long long)length > MESSAGE_LIMIT)
		return skip(s, (size_t)length) ? LSP_BROKEN : LSP_END;
	while (s->end - s->begin < (size_t)length)
		if (!fill(s))
			return LSP_END;
	*out = json_loadb(s->buffer + s->begin, (size_t)length, JSON_ALLOW_NUL, NULL);
	s->begin += (size_t)length;
	if (s->begin == s->end && s->capacity > (1u << 20)) { /* after a huge one */
		free(s->buffer);
		s->buffer = NULL;
		s->begin = s->end = s->capacity = 0;
	}
	return *out ? LSP_MESSAGE : LSP_BROKEN;
}

bool message_idle(struct server *s)
{
	struct pollfd p = { .fd = s->in, .events = POLLIN };
	return s->begin == s->end && poll(&p, 1, 0) == 0;
}

void message_write(struct server *s, json_t *message)
{
	struct text t;
	char *body = json_dumps(message, JSON_COMPACT | JSON_REAL_PRECISION(17));
	text_init(&t);
	text_printf(&t, "Content-Length: %zu\r\n\r\n", body ? strlen(body) : 0);
	text_add(&t, body ? body : "", body ? strlen(body) : 0);
	for (size_t at = 0; at < t.n && !s->failed;) {
		ssize_t n = write(s->out, t.data + at, t.n - at);
		if (n > 0)
			at += (size_t)n;
		else if (errno != EINTR)
			s->failed = true;
	}
	text_free(&t);
	free(body);
	json_decref(message);
}
