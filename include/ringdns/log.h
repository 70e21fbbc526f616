/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h - lines for the operator, on standard error. Control plane only: nothing is logged per
 * packet, and the workers do not log at all, they count.
 */
#ifndef RINGDNS_LOG_H
#define RINGDNS_LOG_H

enum rd_log_level { RD_LOG_ERROR, RD_LOG_WARNING, RD_LOG_INFO, RD_LOG_DEBUG };

/* Lines above LEVEL are left out. The default is RD_LOG_INFO. */
void rd_log_set_level(enum rd_log_level level);

/* One line without a newline at its end; control characters are shown as \xHH. Any thread. */
void rd_log(enum rd_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
