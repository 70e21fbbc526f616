/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * escape.h - foreign text made fit for a terminal and a log.
 */
#ifndef RINGDNS_CONTROL_ESCAPE_H
#define RINGDNS_CONTROL_ESCAPE_H

#include <stddef.h>
#include <stdio.h>

/* Copies LEN bytes of TEXT to BUFFER (SIZE bytes, at least 8, the closing NUL included); control
 * characters, DEL and bytes above ASCII become \xHH. What does not fit is left out, with "..." in
 * its place. BUFFER is returned. Pure. */
const char *escape_text(const char *text, size_t len, char *buffer, size_t size);

/* Writes TEXT, which is printable ASCII, as YAML has it in double quotes. */
void escape_yaml(const char *text, FILE *out);

#endif
