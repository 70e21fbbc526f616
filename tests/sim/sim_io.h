/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_io.h - a worker's sockets in the simulated world, as the world itself sees them.
 */
#ifndef RINGDNS_TESTS_SIM_IO_H
#define RINGDNS_TESTS_SIM_IO_H

#include "sim/sim.h"

extern const struct io_ops sim_io_ops;

/* Whether DATAGRAM is for somebody's port; then that owns it. */
bool sim_port_arrive(struct sim *sim, struct sim_datagram *datagram);
/* DATAGRAM is for a listener of IO, which owns it, or has dropped it as the kernel would. */
void sim_listener_arrive(struct sim_io *io, struct sim_datagram *datagram);
/* A segment has reached the worker's end of CONN; it stays the caller's. */
void sim_near_arrive(struct sim_conn *conn, const struct sim_datagram *segment);
/* Whether IO has a listener for TO. */
bool sim_io_listens(const struct sim_io *io, const union rd_address *to);
/* Who of those that share the listener TO gets what FROM sends: as by SO_REUSEPORT. NULL: none. */
struct sim_io *sim_listener(const struct sim *sim, const union rd_address *from,
                            const union rd_address *to);
/* When PORT of IO was opened; *RET_NUMBER: how often, its handle. 0: it is not, or IO is NULL. */
uint64_t sim_port_opened(const struct sim_io *io, uint32_t port, uint32_t *ret_number);
/* The worker has reason to turn before anything else happens; its clock says NOW_NS. */
bool sim_io_busy(const struct sim_io *io, uint64_t now_ns);
/* When it wants to turn by itself; RD_NEVER before its first turn. */
uint64_t sim_io_deadline(const struct sim_io *io);

#endif
