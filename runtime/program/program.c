/* Names, look-ups and the end of a program. */
#include "runtime/program/program.h"

#include <stdlib.h>
#include <string.h>

const char *program_map_name(enum program_map_kind k)
{
	static const char *const names[] = {
#define MAP(name, dim, neutral, doc) #name,
#include "runtime/program/maps.def"
#undef MAP
	};
	return (unsigned)k < PROGRAM_MAPS ? names[k] : "?";
}

const char *program_label_name(enum program_label l)
{
	static const char *const names[] = {
#define LABEL(name, pulseq, doc) #name,
#include "runtime/program/labels.def"
#undef LABEL
	};
	return (unsigned)l < PROGRAM_LABELS ? names[l] : "?";
}

const char *program_opcode_name(enum program_opcode op)
{
	static const char *const names[] = {
#define OPCODE(name, text) text,
#include "runtime/program/opcodes.def"
#undef OPCODE
	};
	return (unsigned)op < PROGRAM_OPCODES ? names[op] : "?";
}

int program_param_find(const struct program *p, const char *name)
{
	for (uint32_t i = 0; i < p->n_param; i++) {
		if (strcmp(p->param[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

/* Epochs own ascending ranges of readouts, some of them empty. */
uint32_t program_readout_epoch(const struct program *p, uint32_t r)
{
	uint32_t lo = 0, hi = p->n_epoch;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (p->epoch[mid].first_readout + p->epoch[mid].n_readout <= r)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool program_bends(const struct program *p)
{
	return p->map[PROGRAM_MAP_dB0].channel && p->n_train > 0 && p->n_pathway > 0 &&
	       p->fov[1] > 0;
}

static bool is_zero(const struct program *p, program_slot s)
{
	return p->op[s].op == PROGRAM_CONST && p->op[s].value == 0;
}

static bool is_use(const struct program *p, uint32_t epoch, const char *use)
{
	uint32_t q = p->epoch[epoch].pulse;

	return q != UINT32_MAX && p->pulse[q].use && strcmp(p->pulse[q].use, use) == 0;
}

/* One excitation, and pulses that refocus. */
static bool refocuses(const struct program *p)
{
	uint32_t n_excitation = 0;

	if (p->n_pathway != 1 || !is_zero(p, p->pathway[0].k[0]) ||
	    !is_zero(p, p->pathway[0].k[1]))
		return false;
	for (uint32_t i = 0; i < p->n_epoch; i++) {
		if (p->epoch[i].pulse != UINT32_MAX && !is_use(p, i, "refocusing") &&
		    !is_use(p, i, "excitation"))
			return false;
		n_excitation += is_use(p, i, "excitation");
	}
	return n_excitation == 1;
}

bool program_first_order(const struct program *p)
{
	uint32_t n = 0, epoch = UINT32_MAX;
	bool one = true;

	if (p->n_pathway < 1 || p->n_history != 1 || p->matrix[1] < 1 || !(p->fov[0] > 0) ||
	    !(p->fov[1] > 0))
		return false;
	for (uint32_t i = 0; i < p->n_readout; i++) {
		const int32_t *label = p->event[p->readout[i].event].label;

		if (label[PROGRAM_LABEL_nav] > 0 || label[PROGRAM_LABEL_noise] > 0)
			continue;
		if (p->readout[i].class_ != PROGRAM_READOUT_LINE)
			return false;
		one &= epoch == UINT32_MAX || epoch == program_readout_epoch(p, i);
		epoch = program_readout_epoch(p, i);
		n++;
	}
	return n == (uint32_t)p->matrix[1] && (one || refocuses(p));
}

static void free_texts(struct program *p)
{
	for (uint32_t i = 0; i < p->n_param && p->param; i++) {
		free(p->param[i].name);
		free(p->param[i].doc);
		free(p->param[i].type);
		free(p->param[i].unit);
	}
	for (uint32_t i = 0; i < p->n_shape && p->shape; i++) {
		free(p->shape[i].name);
		free(p->shape[i].sample);
	}
	for (uint32_t i = 0; i < p->n_block && p->block; i++) {
		free(p->block[i].text);
		free(p->block[i].where);
	}
	for (uint32_t i = 0; i < p->n_mark && p->mark; i++) {
		free(p->mark[i].name);
		free(p->mark[i].doc);
		free(p->mark[i].unit);
	}
	for (uint32_t i = 0; i < p->n_note && p->note; i++)
		free(p->note[i].text);
	free(p->name);
	free(p->doc);
	free(p->path);
}

void program_free(struct program *p)
{
	if (!p)
		return;
	free_texts(p);
	free(p->param);
	free(p->op);
	free(p->shape);
	free(p->block);
	free(p->event);
	free(p->mark);
	free(p->pulse);
	free(p->epoch);
	free(p->history);
	free(p->readout);
	free(p->train);
	free(p->pathway);
	free(p->note);
	free(p);
}
