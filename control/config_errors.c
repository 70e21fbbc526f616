/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_errors.c - the list of errors, collected because all of them are shown at once.
 *
 * Lines are complete when they are added, so that nobody needs to keep the file's text.
 * Thread: main.
 * Not here: printing at a reload (service.c logs the lines).
 */
#include "config_errors.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"

void config_errors_add(struct config_errors *errors, const struct config_place *place,
                       const char *key, const char *allowed, const char *format, ...)
{
    char shown_key[128], file[512];
    char *line = NULL;
    size_t size;
    FILE *out;
    va_list args;

    if (errors->n++ >= RD_CONFIG_ERRORS)
        return;
    out = open_memstream(&line, &size);
    if (!out)
        return;
    if (place->file)
        fprintf(out, "%s:", escape_text(place->file, strlen(place->file), file, sizeof(file)));
    if (place->line != 0)
        fprintf(out, "%zu:%zu:", place->line, place->column);
    if (place->file)
        fputc(' ', out);
    if (key)
        fprintf(out, "%s: ", escape_text(key, strlen(key), shown_key, sizeof(shown_key)));
    fputs("found ", out);
    va_start(args, format);
    vfprintf(out, format, args);
    va_end(args);
    fprintf(out, "; allowed: %s", allowed);
    if (fclose(out) == 0)
        errors->lines[errors->n - 1] = line;
    else
        free(line);
}

const char *config_errors_line(const struct config_errors *errors, unsigned i, char *buffer)
{
    unsigned kept = errors->n < RD_CONFIG_ERRORS ? errors->n : RD_CONFIG_ERRORS;

    if (i < kept)
        return errors->lines[i] ? errors->lines[i] : "no memory to say what is wrong";
    if (i > kept || errors->n == kept)
        return NULL;
    snprintf(buffer, 64, "and %u more errors", errors->n - kept);
    return buffer;
}

void config_errors_print(const struct config_errors *errors, FILE *out)
{
    char buffer[64];
    const char *line;

    for (unsigned i = 0; (line = config_errors_line(errors, i, buffer)); i++)
        fprintf(out, "%s\n", line);
}

void config_errors_clear(struct config_errors *errors)
{
    for (unsigned i = 0; i < RD_CONFIG_ERRORS; i++)
        free(errors->lines[i]);
    memset(errors, 0, sizeof(*errors));
}
