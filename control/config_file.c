/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_file.c - getting the file's bytes, before anyone looks at what they say.
 *
 * Any readable thing will do, a pipe too; its size is only known at its end, so it is bounded
 * while it is read.
 * Thread: main.
 * Not here: YAML (config_yaml.c).
 */
#include "config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The bytes read, SIZE if the file has at least that many, or a negative errno. */
static ssize_t read_all(int fd, char *buffer, size_t size)
{
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, buffer + len, size - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

bool config_file_read(const char *name, struct rd_config *config, struct config_given *given,
                      struct config_errors *errors)
{
    static const char allowed[] = "a readable YAML file of at most 1 MiB";
    const struct config_place place = {.file = name};
    char *buffer = malloc(RD_CONFIG_FILE_BYTES + 1);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0   ? -errno
                  : buffer ? read_all(fd, buffer, RD_CONFIG_FILE_BYTES + 1)
                           : -ENOMEM;
    bool good = false;

    static_assert(RD_CONFIG_FILE_BYTES == 1u << 20, "the text above says so");
    if (len < 0)
        config_errors_add(errors, &place, NULL, allowed, "no file to read (%s)",
                          strerror((int)-len));
    else if ((size_t)len > RD_CONFIG_FILE_BYTES)
        config_errors_add(errors, &place, NULL, allowed, "more than %u bytes",
                          RD_CONFIG_FILE_BYTES);
    else
        good = config_text_read(buffer, (size_t)len, name, config, given, errors);
    if (fd >= 0)
        close(fd);
    free(buffer);
    return good;
}
