/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * escape.c - the one escaper for text that came from outside: files, options, sockets.
 *
 * A terminal obeys control characters and a log reader trusts line ends, so neither gets through.
 * Threads: any, no state.
 * Not here: JSON and YAML have escapes of their own, made where they are written.
 */
#include "escape.h"

#include <stdio.h>
#include <string.h>

const char *escape_text(const char *text, size_t len, char *buffer, size_t size)
{
    static const char mark[] = "...";
    size_t used = 0, cut = 0; /* CUT: how much is kept where the mark has to follow */

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        size_t width = c < 0x20 || c > 0x7e ? 4 : 1;

        if (used + width + 1 > size) {
            memcpy(buffer + cut, mark, sizeof(mark));
            return buffer;
        }
        if (width == 1)
            buffer[used] = (char)c;
        else
            snprintf(buffer + used, 5, "\\x%02x", c);
        used += width;
        if (used + sizeof(mark) <= size)
            cut = used;
    }
    buffer[used] = '\0';
    return buffer;
}

void escape_yaml(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}
