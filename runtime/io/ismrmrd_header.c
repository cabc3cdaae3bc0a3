/* The header of ISMRMRD: what of its XML has a place in io_raw. Lengths are in mm there, times in ms,
 * angles in degrees. */
#include "runtime/io/internal.h"

#include <expat.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	PATH = 160,        /* of an element's names; none that we know is as long */
	VALUE = 1024,      /* characters of a value that are kept */
	LIST_LIMIT = 4096, /* echo times and the like, also encodings and parameters */
};
static const double metres = 1e-3, seconds = 1e-3;
static const double radians = 3.14159265358979323846 / 180;

const char *const ismrmrd_limit[IO_COUNTERS] = {
	[IO_LINE] = "kspace_encoding_step_1",
	[IO_PARTITION] = "kspace_encoding_step_2",
	[IO_AVERAGE] = "average",
	[IO_SLICE] = "slice",
	[IO_CONTRAST] = "contrast",
	[IO_PHASE] = "phase",
	[IO_REPETITION] = "repetition",
	[IO_SET] = "set",
	[IO_SEGMENT] = "segment",
};

/* ------------------------------------------------------------------ reading */
struct parser {
	XML_Parser expat;
	struct io_raw *raw;
	char path[PATH]; /* of the element, below the root: "/encoding/reconSpace" */
	size_t skipped;  /* levels below what fits into `path` */
	int depth;
	char value[VALUE];
	size_t n;
	precess_status st;
};

static bool grow(void **array, int n, size_t size)
{
	void *grown;

	if (n >= LIST_LIMIT)
		return false;
	grown = realloc(*array, (size_t)(n + 1) * size);
	if (!grown)
		return false;
	memset((char *)grown + (size_t)n * size, 0, size);
	*array = grown;
	return true;
}

static void too_many(struct parser *p, const char *what)
{
	p->st = precess_fail(PRECESS_EINVAL, "too many %s in the header (limit %d)", what,
			     LIST_LIMIT);
	XML_StopParser(p->expat, XML_FALSE);
}

static void begin(void *data, const char *name, const char **attributes)
{
	struct parser *p = data;
	struct io_raw *raw = p->raw;
	const char *colon = strrchr(name, ':'); /* a prefix says nothing more */
	size_t used = strlen(p->path);

	(void)attributes;
	p->n = 0;
	if (p->depth++ == 0)
		return; /* the root */
	name = colon ? colon + 1 : name;
	if (p->skipped || used + strlen(name) + 2 > PATH) {
		p->skipped++;
		return;
	}
	snprintf(p->path + used, PATH - used, "/%s", name);
	if (strcmp(p->path, "/encoding") == 0) {
		if (grow((void **)&raw->encoding, raw->n_encoding, sizeof *raw->encoding))
			raw->n_encoding++;
		else
			too_many(p, "encodings");
	} else if (strcmp(p->path, "/userParameters/userParameterDouble") == 0 ||
		   strcmp(p->path, "/userParameters/userParameterLong") == 0) {
		if (grow((void **)&raw->parameter, raw->n_parameter, sizeof *raw->parameter))
			raw->n_parameter++;
		else
			too_many(p, "user parameters");
	}
}

static void text(void *data, const char *s, int n)
{
	struct parser *p = data;
	size_t room = VALUE - 1 - p->n, count = (size_t)n < room ? (size_t)n : room;

	memcpy(p->value + p->n, s, count);
	p->n += count;
}

/* The rest of `path` behind `prefix`; NULL when it begins otherwise. */
static const char *below(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(path, prefix, n) == 0 ? path + n : NULL;
}

static int whole(double v)
{
	return fabs(v) < INT_MAX ? (int)v : -1;
}

static void take_space(struct io_space *space, const char *rest, double v)
{
	const char *axes = "xyz", *matrix = below(rest, "matrixSize/"),
		   *fov = below(rest, "fieldOfView_mm/");
	const char *axis = matrix ? matrix : fov;
	const char *found = axis && *axis ? strchr(axes, *axis) : NULL;

	if (!found || axis[1])
		return;
	if (matrix)
		space->matrix[found - axes] = whole(v);
	else
		space->fov[found - axes] = v * metres;
}

static void take_limit(struct io_encoding *e, const char *rest, double v)
{
	struct io_limit *limit = NULL;
	size_t n = strcspn(rest, "/");
	int i;

	if (n == strlen("kspace_encoding_step_0") && below(rest, "kspace_encoding_step_0"))
		limit = &e->samples;
	for (i = 0; i < IO_COUNTERS; i++)
		if (strlen(ismrmrd_limit[i]) == n && below(rest, ismrmrd_limit[i]))
			limit = &e->limit[i];
	if (!limit)
		return;
	if (strcmp(rest + n, "/minimum") == 0)
		limit->minimum = whole(v);
	else if (strcmp(rest + n, "/maximum") == 0)
		limit->maximum = whole(v);
	else if (strcmp(rest + n, "/center") == 0)
		limit->center = whole(v);
}

static void take_encoding(struct io_encoding *e, const char *path, const char *text_, double v)
{
	const char *rest;

	if ((rest = below(path, "encodedSpace/")))
		take_space(&e->encoded, rest, v);
	else if ((rest = below(path, "reconSpace/")))
		take_space(&e->recon, rest, v);
	else if ((rest = below(path, "encodingLimits/")))
		take_limit(e, rest, v);
	else if (strcmp(path, "trajectory") == 0)
		snprintf(e->trajectory, sizeof e->trajectory, "%.15s", text_);
	else if (strcmp(path, "echoTrainLength") == 0)
		e->train = whole(v);
	else if ((rest = below(path, "parallelImaging/accelerationFactor/kspace_encoding_step_")))
		e->acceleration[*rest == '2'] = whole(v);
	else if (strcmp(path, "parallelImaging/calibrationMode") == 0)
		snprintf(e->calibration, sizeof e->calibration, "%.15s", text_);
}

static void add_number(struct parser *p, struct io_list *list, double v)
{
	if (grow((void **)&list->v, list->n, sizeof *list->v))
		list->v[list->n++] = v;
	else
		too_many(p, "sequence parameters");
}

static void take(struct parser *p)
{
	static const char parameter[] = "/userParameters/userParameter";
	struct io_raw *raw = p->raw;
	double v = strtod(p->value, NULL);
	const char *rest;

	if ((rest = below(p->path, "/encoding/")))
		take_encoding(&raw->encoding[raw->n_encoding - 1], rest, p->value, v);
	else if (strcmp(p->path, "/sequenceParameters/TR") == 0) {
		add_number(p, &raw->tr, v * seconds);
	} else if (strcmp(p->path, "/sequenceParameters/TE") == 0) {
		add_number(p, &raw->te, v * seconds);
	} else if (strcmp(p->path, "/sequenceParameters/TI") == 0) {
		add_number(p, &raw->ti, v * seconds);
	} else if (strcmp(p->path, "/sequenceParameters/flipAngle_deg") == 0) {
		add_number(p, &raw->flip, v * radians);
	} else if (strcmp(p->path, "/experimentalConditions/H1resonanceFrequency_Hz") == 0) {
		raw->frequency = v;
	} else if (strcmp(p->path, "/acquisitionSystemInformation/systemFieldStrength_T") == 0) {
		raw->field = v;
	} else if (strcmp(p->path, "/measurementInformation/sequenceName") == 0) {
		free(raw->sequence);
		raw->sequence = strdup(p->value);
	} else if ((rest = below(p->path, parameter)) && raw->n_parameter > 0) {
		struct io_parameter *last = &raw->parameter[raw->n_parameter - 1];

		if (strcmp(rest, "Double/value") == 0 || strcmp(rest, "Long/value") == 0) {
			last->value = v;
		} else if (strcmp(rest, "Double/name") == 0 || strcmp(rest, "Long/name") == 0) {
			free(last->name);
			last->name = strdup(p->value);
		}
	}
}

static void end(void *data, const char *name)
{
	struct parser *p = data;
	char *slash;

	(void)name;
	p->depth--;
	if (p->skipped) {
		p->skipped--;
		return;
	}
	p->value[p->n] = '\0';
	take(p);
	p->n = 0;
	slash = strrchr(p->path, '/');
	if (slash)
		*slash = '\0';
}

static precess_status check_header(const struct io_raw *raw, const char *path)
{
	const struct io_encoding *e;
	int i, a;

	if (raw->n_encoding == 0)
		return precess_fail(PRECESS_EINVAL, "%s: its header names no encoding", path);
	for (i = 0; i < raw->n_encoding; i++) {
		e = &raw->encoding[i];
		for (a = 0; a < 3; a++)
			if (e->encoded.matrix[a] < 1 || e->recon.matrix[a] < 1 ||
			    e->encoded.matrix[a] > UINT16_MAX || e->recon.matrix[a] > UINT16_MAX ||
			    !(e->encoded.fov[a] > 0) || !(e->recon.fov[a] > 0))
				return precess_fail(PRECESS_EINVAL,
						    "%s: encoding %d: along %c a matrix of %d over "
						    "%g m becomes "
						    "%d over %g m; each must be above 0",
						    path, i, "xyz"[a], e -> encoded.matrix[a],
						    e->encoded.fov[a], e->recon.matrix[a],
						    e->recon.fov[a]);
	}
	return PRECESS_OK;
}

precess_status ismrmrd_header_read(struct io_raw *raw, const char *xml, const char *path)
{
	struct parser p = { .expat = XML_ParserCreate(NULL), .raw = raw };

	if (!p.expat)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	XML_SetUserData(p.expat, &p);
	XML_SetElementHandler(p.expat, begin, end);
	XML_SetCharacterDataHandler(p.expat, text);
	if (XML_Parse(p.expat, xml, (int)strlen(xml), XML_TRUE) != XML_STATUS_OK) {
		if (!p.st)
			p.st = precess_fail(PRECESS_EINVAL, "line %lu of the header: %s",
					    XML_GetCurrentLineNumber(p.expat),
					    XML_ErrorString(XML_GetErrorCode(p.expat)));
		p.st = precess_wrap(p.st, "%s", path);
	}
	XML_ParserFree(p.expat);
	return p.st ? p.st : check_header(raw, path);
}

/* ------------------------------------------------------------------ writing */
static void put_text(struct text *t, const char *name, const char *value)
{
	text_printf(t, "<%s>", name);
	for (; *value; value++) {
		const char *safe = *value == '<' ? "&lt;" : *value == '&' ? "&amp;" : NULL;

		if (safe)
			text_printf(t, "%s", safe);
		else
			text_add(t, value, 1);
	}
	text_printf(t, "</%s>\n", name);
}

static void put_number(struct text *t, const char *name, double v)
{
	char number[32];

	put_text(t, name, text_double(number, v));
}

static void put_space(struct text *t, const char *name, const struct io_space *s)
{
	static const char *const axis[] = { "x", "y", "z" };
	int i;

	text_printf(t, "<%s>\n<matrixSize>\n", name);
	for (i = 0; i < 3; i++)
		put_number(t, axis[i], s->matrix[i]);
	text_printf(t, "</matrixSize>\n<fieldOfView_mm>\n");
	for (i = 0; i < 3; i++) /* the format's numbers are of single precision */
		text_printf(t, "<%s>%.9g</%s>\n", axis[i], s->fov[i] / metres, axis[i]);
	text_printf(t, "</fieldOfView_mm>\n</%s>\n", name);
}

static void put_limit(struct text *t, const char *name, const struct io_limit *l)
{
	text_printf(t, "<%s>\n", name);
	put_number(t, "minimum", l->minimum);
	put_number(t, "maximum", l->maximum);
	put_number(t, "center", l->center);
	text_printf(t, "</%s>\n", name);
}

static void put_encoding(struct text *t, const struct io_encoding *e)
{
	int i;

	text_printf(t, "<encoding>\n");
	put_space(t, "encodedSpace", &e->encoded);
	put_space(t, "reconSpace", &e->recon);
	text_printf(t, "<encodingLimits>\n");
	put_limit(t, "kspace_encoding_step_0", &e->samples);
	for (i = 0; i < IO_COUNTERS; i++)
		put_limit(t, ismrmrd_limit[i], &e->limit[i]);
	text_printf(t, "</encodingLimits>\n");
	put_text(t, "trajectory", e->trajectory);
	if (e->acceleration[0]) {
		text_printf(t, "<parallelImaging>\n<accelerationFactor>\n");
		put_number(t, "kspace_encoding_step_1", e->acceleration[0]);
		put_number(t, "kspace_encoding_step_2",
			   e->acceleration[1] ? e->acceleration[1] : 1);
		text_printf(t, "</accelerationFactor>\n");
		if (*e->calibration)
			put_text(t, "calibrationMode", e->calibration);
		text_printf(t, "</parallelImaging>\n");
	}
	if (e->train)
		put_number(t, "echoTrainLength", e->train);
	text_printf(t, "</encoding>\n");
}

static void put_list(struct text *t, const char *name, const struct io_list *l, double unit)
{
	int i;

	for (i = 0; i < l->n; i++)
		put_number(t, name, l->v[i] / unit);
}

void ismrmrd_header_write(struct text *t, const struct io_raw *raw)
{
	int i;

	text_printf(t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		       "<ismrmrdHeader xmlns=\"http://www.ismrm.org/ISMRMRD\">\n");
	text_printf(t, "<measurementInformation>\n<patientPosition>HFS</patientPosition>\n");
	if (raw->sequence)
		put_text(t, "sequenceName", raw->sequence);
	text_printf(t, "</measurementInformation>\n<acquisitionSystemInformation>\n");
	put_text(t, "systemVendor", "precess");
	put_text(t, "systemModel", PRECESS_VERSION);
	if (raw->field > 0)
		put_number(t, "systemFieldStrength_T", raw->field);
	put_number(t, "receiverChannels", raw->n_coil);
	text_printf(t, "</acquisitionSystemInformation>\n<experimentalConditions>\n");
	text_printf(t, "<H1resonanceFrequency_Hz>%.0f</H1resonanceFrequency_Hz>\n", raw->frequency);
	text_printf(t, "</experimentalConditions>\n");
	for (i = 0; i < raw->n_encoding; i++)
		put_encoding(t, &raw->encoding[i]);
	text_printf(t, "<sequenceParameters>\n");
	put_list(t, "TR", &raw->tr, seconds);
	put_list(t, "TE", &raw->te, seconds);
	put_list(t, "TI", &raw->ti, seconds);
	put_list(t, "flipAngle_deg", &raw->flip, radians);
	text_printf(t, "</sequenceParameters>\n<userParameters>\n");
	for (i = 0; i < raw->n_parameter; i++) {
		text_printf(t, "<userParameterDouble>\n");
		put_text(t, "name", raw->parameter[i].name);
		put_number(t, "value", raw->parameter[i].value);
		text_printf(t, "</userParameterDouble>\n");
	}
	text_printf(t, "</userParameters>\n</ismrmrdHeader>\n");
}
