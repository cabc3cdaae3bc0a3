/* Progress of long work, and the user's wish to end it. One thread reports. */
#include "runtime/base/base.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum { BAR = 30, LINE_WIDTH = 79 };

static const double patience = 1.0; /* seconds; shorter work needs no bar, and tests no filter */
static const double redraw = 0.1;   /* seconds between two drawings on a terminal */

void progress_begin(struct progress *p, const char *what, size_t total, bool quiet)
{
	*p = (struct progress){ .what = what, .total = total, .quiet = quiet };
	p->begun = clock_seconds();
	p->terminal = isatty(STDERR_FILENO) == 1;
}

static void draw_bar(const struct progress *p, double part, double elapsed)
{
	static const char full[] = "##############################";
	static const char empty[] = "..............................";
	int n = (int)(part * BAR);

	fprintf(stderr, "\r%s [%.*s%.*s] %3.0f %%", p->what, n, full, BAR - n, empty, 100 * part);
	if (part > 0.02) /* before that the estimate jumps */
		fprintf(stderr, ", %.0f s left ", elapsed / part - elapsed);
	fflush(stderr);
}

/* `shown` is the time of the last drawing on a terminal, the last printed tenth in a log. */
void progress_at(struct progress *p, size_t done)
{
	double elapsed, part;

	if (p->quiet || p->total == 0)
		return;
	elapsed = clock_seconds() - p->begun;
	if (elapsed < patience)
		return;
	part = done < p->total ? (double)done / (double)p->total : 1;
	if (p->terminal) {
		if (elapsed - p->shown < redraw)
			return;
		p->shown = elapsed;
		draw_bar(p, part, elapsed);
	} else if ((int)(part * 10) > (int)p->shown) {
		p->shown = (int)(part * 10);
		fprintf(stderr, "%s: %.0f %%, %.0f s\n", p->what, 10 * p->shown, elapsed);
	}
}

/* The bar goes: what follows is the result. */
void progress_end(struct progress *p)
{
	if (!p->quiet && p->terminal && p->shown > 0)
		fprintf(stderr, "\r%*s\r", LINE_WIDTH, "");
	p->quiet = true;
}

static atomic_bool asked; /* lock-free, so a handler may set it and every worker may read it */

static void on_interrupt(int signal)
{
	static const char text[] = "\nstopping; Ctrl-C again ends at once\n";

	(void)signal;
	atomic_store(&asked, true);
	(void)!write(STDERR_FILENO, text, sizeof text - 1);
}

/* The handler serves once: the second Ctrl-C meets the system's own, which ends the program. */
void interrupt_watch(void)
{
	struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };

	atomic_store(&asked, false);
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
}

bool interrupted(void)
{
	return atomic_load(&asked);
}
