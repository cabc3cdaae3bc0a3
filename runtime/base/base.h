/* What every C file here shares: status, memory, text, files, random numbers, clock, progress.
 *
 * Ownership: whoever creates frees; a returned pointer is borrowed from its parent unless the
 * function is named *_create, *_read or *_take. Everything in an arena lives until arena_free. */
#ifndef RUNTIME_BASE_BASE_H
#define RUNTIME_BASE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PRECESS_VERSION "0.1.0"

/* --- status: failures of the world (memory, files, devices, data that is not what it claims) ---
 * Zero is success. The text of the last failure is thread-local. */
typedef enum {
	PRECESS_OK = 0,
	PRECESS_ENOMEM = -1,  /* out of memory */
	PRECESS_EINVAL = -2,  /* a value or a file's content is not acceptable */
	PRECESS_EIO = -3,     /* the operating system said no */
	PRECESS_EDEVICE = -4, /* a device failed or is absent */
	PRECESS_ECANCEL = -5, /* interrupted by the user */
	PRECESS_ENOTSUP = -6  /* this cannot be done here; the text says what can */
} precess_status;

#if defined(__GNUC__)
#define PRECESS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define PRECESS_PRINTF(fmt, args)
#endif

/* Sets the text and returns `code`: `return precess_fail(PRECESS_EIO, "%s: %s", path, why);` */
precess_status precess_fail(precess_status code, const char *fmt, ...) PRECESS_PRINTF(2, 3);
/* Puts context in front of the last failure's text, once per layer that knows something new. */
precess_status precess_wrap(precess_status code, const char *fmt, ...) PRECESS_PRINTF(2, 3);
/* The text of this thread's last failure. */
const char *precess_error(void);

/* In a function with `precess_status st` and a label `out:`. */
#define TRY(call)                        \
	do {                             \
		if ((st = (call)) != 0)  \
			goto out;        \
	} while (0)

#define PRECESS_COUNT(a) (sizeof(a) / sizeof *(a))

/* The proton's gyromagnetic ratio over 2 pi, Hz/T (CODATA 2018, free proton). */
#define PRECESS_GAMMABAR 42.577478518e6

/* --- memory --- */
/* A bump allocator: zeroed memory, freed all at once. Exhaustion aborts with a message: a compiler
 * that cannot get memory for a syntax tree has nothing better to do (runtime code uses malloc and
 * reports PRECESS_ENOMEM). */
struct arena;
struct arena *arena_create(void);
void arena_free(struct arena *a);
void *arena_alloc(struct arena *a, size_t bytes);
char *arena_copy(struct arena *a, const char *text, size_t n); /* n bytes and a NUL */
char *arena_printf(struct arena *a, const char *fmt, ...) PRECESS_PRINTF(2, 3);

/* 64-byte aligned, zeroed; free with free(). NULL and an error text when there is no memory. */
void *memory_aligned(size_t bytes);

/* --- text: a growing string; `data` is NUL-terminated and never NULL after text_init --- */
struct text {
	char *data;
	size_t n, capacity;
};
void text_init(struct text *t);
void text_free(struct text *t);
void text_add(struct text *t, const char *s, size_t n);
void text_printf(struct text *t, const char *fmt, ...) PRECESS_PRINTF(2, 3);
/* Shortest decimal that reads back as the same double ("0.1", "1e-06"). buf holds 32 bytes. */
const char *text_double(char *buf, double v);

/* --- files --- */
/* The whole file, NUL-terminated; free() it. Refuses above `limit` bytes and directories. */
precess_status file_read(char **out, size_t *size, const char *path, size_t limit);
/* Is there such a file, and may it be read? For libraries that do not say why they fail. */
precess_status file_input_probe(const char *path);
/* Output that is either whole or absent: write to `temporary`, then commit renames it to the final
 * name; discard removes it. The temporary name lies in the same folder. An unwritable folder is
 * reported by create. Both free the object. */
struct file_output {
	char *final, *temporary;
};
precess_status file_output_create(struct file_output **out, const char *path);
precess_status file_output_commit(struct file_output *f);
void file_output_discard(struct file_output *f);
/* Could it be written? Long work asks before it starts. NULL paths can. */
precess_status file_output_probe(const char *path);
/* Writes all bytes through file_output; reports a full disk. */
precess_status file_write(const char *path, const void *bytes, size_t n);

/* --- values that were read --- */
/* Refuses an array with a value that is NaN or infinite: "PATH: WHAT[z 0][y 2][x 3] is ...". `parts`
 * numbers per place (2: complex); the axes end with a NULL name, the last is fastest. */
struct finite_axis {
	const char *name;
	size_t n;
};
precess_status finite_check(const float *v, int parts, const struct finite_axis *axis,
			    const char *path, const char *what);

/* --- random numbers: Philox 4x32-10 (Salmon et al., SC'11), a function of (seed, stream, counter),
 * so results depend neither on threads nor on order --- */
struct rng {
	uint64_t seed, stream, counter;
	uint32_t block[4];
	int left;
};
struct rng rng_make(uint64_t seed, uint64_t stream);
uint32_t rng_u32(struct rng *r);
double rng_uniform(struct rng *r, double lo, double hi); /* [lo, hi) */
double rng_normal(struct rng *r);                        /* mean 0, deviation 1 */

/* --- hash: SHA-256, as 64 hexadecimal digits and a NUL --- */
void hash_hex(char out[65], const void *bytes, size_t n);

/* --- plugin.c --- */
/* The symbol `entry` of a library beside the program, or in the folder PRECESS_BACKEND_PATH. Never
 * unloaded. PRECESS_EDEVICE: it is absent or does not load. */
precess_status plugin_open(void **symbol, const char *file, const char *entry);

/* --- clock and progress --- */
double clock_seconds(void); /* monotonic wall clock */
/* Progress of long work: a bar on a terminal, one line every 10 % in a log, nothing when quiet.
 * Goes to standard error. */
struct progress {
	const char *what;
	double begun, shown;
	size_t total;
	bool quiet, terminal;
};
void progress_begin(struct progress *p, const char *what, size_t total, bool quiet);
void progress_at(struct progress *p, size_t done);
void progress_end(struct progress *p);
/* True after Ctrl-C, once interrupt_watch was called; long loops ask and return PRECESS_ECANCEL. */
void interrupt_watch(void);
bool interrupted(void);

#ifdef __cplusplus
}
#endif
#endif
