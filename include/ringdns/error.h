/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error.h - how a function says that it did not work.
 *
 * Negative: an errno, fatal for the caller's purpose, handed up as it is.
 * Positive: a condition that the function's own documentation names, handled by its caller and
 *           never handed on. Zero: done.
 * A bad packet is neither: it is a verdict (drop, FORMERR, ...) and a counter.
 *
 * What a person shall read is made in the control plane: the place that fails names the step and
 * the object, the control plane adds what to do.
 */
#ifndef RINGDNS_ERROR_H
#define RINGDNS_ERROR_H

/* Where opening failed. Filled only when the function returns a negative errno. */
struct rd_failure {
    const char *step; /* static text: "bind", "create the ring", ... */
    int listener;     /* index into the listen addresses, -1 where none is concerned */
};

#endif
