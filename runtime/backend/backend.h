/* Devices other than the processor: one table of operations each, found at run time.
 *
 * A table lives in a shared library, backend_<name>.so, beside the program or in the folder that
 * PRECESS_BACKEND_PATH names; the program neither links a driver nor needs one. Tables are never
 * freed; memory from alloc is the caller's, to be given to release. */
#ifndef RUNTIME_BACKEND_BACKEND_H
#define RUNTIME_BACKEND_BACKEND_H

#include "runtime/base/base.h"
#include "runtime/bloch/bloch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rises with every change of struct backend, ops.def or the tables of runtime/bloch. */
#define BACKEND_VERSION 3

#define OP_ARGS \
	(const struct bloch_launch *l, const struct bloch_memory *m, const struct bloch_schedule *s)
enum { BACKEND_QUEUES = 2 };

struct backend {
	uint32_t version;
	size_t size;                          /* of this struct */
	const char *name;
	/* A library has its own text of the last failure. */
	const char *(*error)(void);
	/* Devices that answer now; 0 with the reason in error(). */
	int (*devices)(void);
	precess_status (*select)(int device); /* for this thread */
	precess_status (*describe)(char *out, size_t size, int device);
	precess_status (*alloc)(void **out, size_t bytes);
	void (*release)(void *p);
	/* Memory of the host from and to which copies go on while kernels run. */
	precess_status (*host_alloc)(void **out, size_t bytes);
	void (*host_release)(void *p);
	/* What follows goes to one of BACKEND_QUEUES queues; each keeps its order. */
	precess_status (*queue)(int which);
	/* The host's side may be used again after sync. */
	precess_status (*upload)(void *to, const void *from, size_t bytes);
	precess_status (*download)(void *to, const void *from, size_t bytes);
	precess_status (*sync)(void);         /* everything in the queue is done */
	/* Seconds between two calls on the device's own clock; begin != 0 starts it. */
	precess_status (*timer)(double *seconds, int begin);
	/* A list with its memory and tables, submitted as one by `replay`; numbers in the tables may
	 * change between replays. Replayed and forgotten in the queue in which it was recorded. */
	precess_status (*record)(void **out, const struct bloch_launch *l, uint32_t n,
				 const struct bloch_memory *m, const struct bloch_schedule *s);
	precess_status (*replay)(void *recorded);
	void (*forget)(void *recorded);
	/* What the device reaches in a copy kernel (bytes read and written per second) and in a
	 * kernel of multiply-adds (operations per second, two each). */
	precess_status (*ceilings)(double *bytes, double *flops);
	/* Registers per thread and bytes of local memory of the kernel of a launch. */
	precess_status (*resources)(int *registers, int *local, const struct bloch_launch *l,
				    const struct bloch_schedule *s);
	/* 90 for compute capability 9.0: what `load` takes binaries of; 0: it takes none. */
	int (*architecture)(void);
	/* A kernel out of a binary, for bloch_launch.special. */
	precess_status (*load)(void **out, const void *binary, const char *name);
	void (*unload)(void *special);
	struct backend_ops {
#define OP(name, doc) precess_status(*name) OP_ARGS;
#include "runtime/backend/ops.def"
#undef OP
	} ops;
};
typedef precess_status(*backend_op) OP_ARGS;
enum {
#define OP(name, doc) BACKEND_OP_##name,
#include "runtime/backend/ops.def"
#undef OP
	BACKEND_OPS
};

/* What a library exports under the name "precess_backend". */
typedef const struct backend *(*backend_entry)(void);

/* "auto", "cpu", "cuda", "cuda:1", or a name that was registered. *out is NULL for the processor;
 * `why` gets one line: what was chosen, and for "auto" what stood against the others. A device that
 * was asked for by name and is not there is PRECESS_EDEVICE. */
precess_status backend_open(const struct backend **out, struct text *why, const char *device);
/* Makes a table known by its name; for tests. */
void backend_register(const struct backend *b);
/* Fails with the table's own text in front of what was being done. */
precess_status backend_failed(const struct backend *b, precess_status st, const char *what);

/* ------------------------------------------------------------------ launches (launches.c) */
const char *backend_op_name(int op);
backend_op backend_op_of(const struct backend *b, int op);
/* Every op of the list, in order, into the current queue. */
precess_status backend_run(const struct backend *b, const struct bloch_launch *l, uint32_t n,
			   const struct bloch_memory *m, const struct bloch_schedule *s);
/* The launches of a schedule whose fixed tables can be read here; free() them. PRECESS_ENOTSUP, with
 * the reason, where no device that we know would take them. */
precess_status backend_plan(struct bloch_launch **out, uint32_t *n, const struct bloch_schedule *s);
/* Geometry within what every device of compute capability 7.5 and later takes; shared memory of the
 * size that the kernel lays out. A failure is a bug. */
precess_status backend_plan_verify(const struct bloch_launch *l, uint32_t n,
				   const struct bloch_schedule *s);
/* Bytes of each part of the memory of all draws. */
struct backend_sizes {
#define MEMORY(type, name) size_t name;
	BLOCH_MEMORY(MEMORY)
#undef MEMORY
};
struct backend_sizes backend_measure(const struct bloch_schedule *s);

enum {
	BACKEND_THREADS = 128,      /* of a block, where they do not work together */
	BACKEND_SHARED = 48 * 1024 /* bytes of a block that every device gives without asking */
};

/* ------------------------------------------------------------------ kernels for one schedule */
/* Whether a state kernel made for this schedule keeps its spins' state in registers where the one
 * that reads tables cannot. */
bool backend_special_pays(const struct bloch_schedule *s);
/* Its source, CUDA C++: epochs and orders one after another, slots as variables; kernel "state".
 * Fixed tables are read here. */
void backend_special_source(struct text *out, const struct bloch_schedule *s);
/* Compiles for compute capability arch / 10 by NVRTC, which needs no device, or finds the binary of
 * an earlier time in the user's cache folder; free() it. PRECESS_ENOTSUP where there is no NVRTC. */
precess_status backend_compile(void **out, size_t *n, const char *source, int arch);
/* Headers that such sources include, by name (from runtime/cuda and runtime/bloch, made by the
 * build). */
extern const struct backend_header {
	const char *name, *text;
} backend_headers[];

/* ------------------------------------------------------------------ cards (resources.c) */
/* Limits of cards that people have (cards.def), for estimates. */
struct backend_card {
	const char *name;
	double bytes, flops; /* per second */
	int arch, multiprocessors;
};
const struct backend_card *backend_card_find(const char *name); /* NULL: none */
/* "H200, H100, ..." */
void backend_card_names(struct text *out);

/* What a kernel takes, as the build's assembler said; the last has arch 0. Without a toolkit there is
 * none. */
extern const struct backend_resources {
	int arch;
	const char *op;
	int variant;   /* -1: the kernel has one build */
	int registers; /* per thread */
	int shared;    /* bytes of a block, besides those that the launch asks for */
	int stack;     /* bytes of local memory per thread: arrays that a table indexes, and spills */
	int spilled;   /* bytes of stores and loads because registers ran out */
} backend_resources[];
/* NULL: not known, as of transforms and of what is compiled at run time. */
const struct backend_resources *backend_resources_find(const struct bloch_launch *l, int arch);
/* Blocks of a launch that a multiprocessor holds at a time, at most; r may be NULL: not bound by
 * registers. 0: the architecture is not known (architectures.def). */
int backend_blocks(const struct bloch_launch *l, const struct backend_resources *r, int arch);
/* The share of its warps that are then in use. */
double backend_occupancy(const struct bloch_launch *l, int blocks, int arch);
/* Seconds of a launch on a card: for its bytes and for its operations, each with as many warps as
 * there are blocks and room for. */
struct backend_times {
	double memory, arithmetic;
	int blocks; /* as of backend_blocks; 0: not known */
};
struct backend_times backend_estimate(const struct bloch_launch *l,
					 const struct backend_resources *r,
					 const struct backend_card *card);

#ifdef __cplusplus
}
#endif
#endif
