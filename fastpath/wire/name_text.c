/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * name_text.c - names to and from presentation form (RFC 1035 section 5.1).
 *
 * Apart from name.c because it is for people: logs, answers to version.bind, control. Not on a
 * query's way. Pure functions, any thread.
 */
#include "wire/name.h"

#include <string.h>

static bool is_plain(uint8_t byte)
{
    return byte > ' ' && byte < 0x7f && !strchr("();@$\"", byte);
}

/* Writes one byte of a label; behind what it wrote. */
static char *put_byte(char *at, uint8_t byte)
{
    if (byte == '.' || byte == '\\') {
        *at++ = '\\';
        *at++ = (char)byte;
    } else if (is_plain(byte)) {
        *at++ = (char)byte;
    } else {
        *at++ = '\\';
        *at++ = (char)('0' + byte / 100);
        *at++ = (char)('0' + byte / 10 % 10);
        *at++ = (char)('0' + byte % 10);
    }
    return at;
}

size_t rd_name_to_text(const struct rd_name *name, char *text)
{
    char *at = text;

    for (size_t label = 0; name->bytes[label] != 0; label += name->bytes[label] + 1u) {
        for (size_t i = 1; i <= name->bytes[label]; i++)
            at = put_byte(at, name->bytes[label + i]);
        *at++ = '.';
    }
    if (at == text)
        *at++ = '.';
    *at = '\0';
    return (size_t)(at - text);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads the escape behind a backslash at *AT and moves on behind it. False: not an escape. */
static bool get_escape(const char **at, uint8_t *ret_byte)
{
    const char *text = *at;
    int value;

    if (!is_digit(text[0])) {
        if (text[0] == '\0')
            return false;
        *ret_byte = (uint8_t)text[0];
        *at = text + 1;
        return true;
    }
    if (!is_digit(text[1]) || !is_digit(text[2]))
        return false;
    value = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
    if (value > 255)
        return false;
    *ret_byte = (uint8_t)value;
    *at = text + 3;
    return true;
}

/* Reads a label up to its dot or the end of the text into BYTES, of at least
 * RD_DNS_LABEL_BYTES. Its length, or 0: empty, too long or a bad escape. */
static size_t get_label(const char **at, uint8_t *bytes)
{
    size_t len = 0;

    while (**at != '\0' && **at != '.') {
        uint8_t byte = (uint8_t) * (*at)++;

        if (byte == '\\' && !get_escape(at, &byte))
            return 0;
        if (len == RD_DNS_LABEL_BYTES)
            return 0;
        bytes[len++] = byte;
    }
    return len;
}

bool rd_name_from_text(const char *text, struct rd_name *ret_name)
{
    uint8_t label[RD_DNS_LABEL_BYTES];
    struct rd_name name = {.len = 0};
    size_t total = 0;

    if (strcmp(text, ".") == 0)
        text++;
    else if (*text == '\0')
        return false;
    while (*text != '\0') {
        size_t len = get_label(&text, label);

        if (len == 0 || total + 1 + len + 1 > RD_DNS_NAME_BYTES)
            return false;
        name.bytes[total] = (uint8_t)len;
        memcpy(name.bytes + total + 1, label, len);
        total += 1 + len;
        if (*text == '.')
            text++;
    }
    name.bytes[total] = 0;
    name.len = (uint8_t)(total + 1);
    *ret_name = name;
    return true;
}
