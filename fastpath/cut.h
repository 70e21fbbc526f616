/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cut.h - below a name that does not exist there is nothing (RFC 8020).
 */
#ifndef RINGDNS_CUT_H
#define RINGDNS_CUT_H

#include "context.h"

/* Answers CLIENT, who asked KEY, with NXDOMAIN where the cache holds a fresh denial of a name above
 * it. Not with DO=1: the proof for another name is not given. False: there is none, or the option
 * is off; MSG is still the caller's. */
bool cut_client(struct context *context, const struct rd_key *key, const struct client *client,
                struct io_message *msg);

#endif
