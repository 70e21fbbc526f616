/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.c - lines on standard error, where systemd and a terminal both pick them up.
 *
 * One write per line, so that lines of several threads do not mix. No time stamps: the journal
 * has its own.
 * Threads: any.
 * Not here: log files, rotation, anything per packet.
 */
#include "ringdns/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "escape.h"

enum { LINE_BYTES = 4096 };

static _Atomic int most = RD_LOG_INFO;

void rd_log_set_level(enum rd_log_level level)
{
    atomic_store_explicit(&most, (int)level, memory_order_relaxed);
}

void rd_log(enum rd_log_level level, const char *format, ...)
{
    static const char *const prefixes[] = {"error: ", "warning: ", "", "debug: "};
    char text[LINE_BYTES], line[2 * LINE_BYTES];
    size_t len;
    va_list args;

    if ((int)level > atomic_load_explicit(&most, memory_order_relaxed))
        return;
    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    va_end(args);

    len = strlen(prefixes[level]);
    memcpy(line, prefixes[level], len);
    escape_text(text, strlen(text), line + len, sizeof(line) - len - 1);
    len = strlen(line);
    line[len++] = '\n';
    /* Nobody is left to tell when standard error does not take it. */
    if (write(STDERR_FILENO, line, len) < 0)
        return;
}
