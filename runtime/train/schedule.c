/* Learning rates: a cosine to zero after a linear warm-up, or steps by epochs (the paper's 1.2e-4
 * times 0.8 every 25). */
#include "runtime/train/train.h"

#include <math.h>

double train_rate(const struct net_template *t, uint64_t step, uint64_t steps, uint64_t image,
		  uint64_t images_per_epoch)
{
	static const double pi = 3.14159265358979323846;
	double at = ((double)step + 0.5) / (double)steps, rate = t->rate;

	if (t->schedule == NET_SCHEDULE_COSINE) {
		double part = t->warmup < 1 ? (at - t->warmup) / (1 - t->warmup) : 0;

		rate *= 0.5 * (1 + cos(pi * fmin(fmax(part, 0), 1)));
	} else if (images_per_epoch > 0 && t->every > 0) {
		rate *= pow(t->decay, (double)(image / images_per_epoch / (uint64_t)t->every));
	}
	return at < t->warmup ? rate * at / t->warmup : rate;
}
