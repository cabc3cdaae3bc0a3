/* The line method on another device (runtime/backend): a plan's histories as launch lists. */
#ifndef RUNTIME_SIM_DEVICE_H
#define RUNTIME_SIM_DEVICE_H

#include "runtime/backend/backend.h"
#include "runtime/sim/line.h"

/* All histories of the plan, once line_fourier_prepare has made its shapes: samples into
 * sim->signal, sums of |weight| into p->weight. PRECESS_ENOTSUP where the device has no kernel. */
precess_status device_line(struct line_plan *p);

#endif
