/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upstreams_text.h - the answer to the command "upstreams" as people read it.
 */
#ifndef RINGDNS_CONTROL_UPSTREAMS_TEXT_H
#define RINGDNS_CONTROL_UPSTREAMS_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define UPSTREAMS_LINE_BYTES 120

/* Writes DOCUMENT as a table of at most 120 columns, a line for each upstream, or two where one is
 * too short for them. "!" marks those that are not up. RCODEs that nobody answered are left out.
 * False: DOCUMENT is no such answer, and nothing was written. */
bool upstreams_table(const json_t *document, FILE *out);

/* Whether UPSTREAM, one of such a document, is in the state "up". */
bool upstreams_is_up(const json_t *upstream);

/* Writes "corp 192.0.2.1:53: down 12s" to BUFFER, which is returned. */
const char *upstreams_line(const json_t *upstream, char buffer[UPSTREAMS_LINE_BYTES]);

#endif
