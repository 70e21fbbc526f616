/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_save.c - writes the cache to its file.
 *
 * Whoever reads it finds a whole file, the old one or the new one, also after a power cut. It tells
 * what clients asked for, so it is for its owner only.
 * Thread: main.
 * Not here: the bytes' meaning (cache_format.h), reading them (cache_load.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_file.h"
#include "cache_format.h"

static_assert(CACHE_FORMAT_HASH == crypto_generichash_BYTES, "BLAKE2b, 256 bits");

struct writer {
    FILE *out;
    crypto_generichash_state hash;
    const struct cache_look *look;
    uint64_t n;
    int error; /* the first one, positive; then nothing more is written */
};

static void put(struct writer *writer, const void *bytes, size_t len)
{
    crypto_generichash_update(&writer->hash, bytes, len);
    if (writer->error == 0 && fwrite(bytes, 1, len, writer->out) != len)
        writer->error = errno;
}

static void put_head(struct writer *writer, int64_t wall_ns)
{
    const struct cache_views *views = &writer->look->views;
    struct cache_format_head head = {.magic = CACHE_FORMAT_MAGIC,
                                     .order = CACHE_FORMAT_ORDER,
                                     .version = CACHE_FORMAT_VERSION,
                                     .saved_wall_ns = wall_ns,
                                     .n_pools = views->n};

    put(writer, &head, sizeof(head));
    for (unsigned i = 0; i < views->n; i++) {
        struct cache_format_pool pool = {""};

        memcpy(pool.name, views->at[i].pool, strlen(views->at[i].pool));
        put(writer, &pool, sizeof(pool));
    }
}

static bool put_entry(void *context, const struct rd_cache_record *record)
{
    struct writer *writer = context;
    const struct cache_look *look = writer->look;
    int pool = cache_views_find(&look->views, record);
    uint64_t seconds;
    struct cache_format_entry entry = {
        .age_ns = look->now_ns > record->stored_ns ? look->now_ns - record->stored_ns : 0,
        .lifetime_s = record->lifetime_s,
        .type = record->type,
        .len = record->len,
        .kind = record->kind,
        .pool = (uint8_t)pool,
        .flags = (uint8_t)((record->dnssec_ok ? CACHE_FORMAT_DO : 0) |
                           (record->checking_disabled ? CACHE_FORMAT_CD : 0) |
                           (record->trust_ad ? CACHE_FORMAT_AD : 0)),
        .name_len = record->name.len,
    };

    /* A failure is over before it is of use to the next run. */
    if (record->kind == RD_CACHE_FAILURE || pool < 0 ||
        cache_state(record, look->now_ns, look->stale_ms, &seconds) == CACHE_EXPIRED)
        return true;
    put(writer, &entry, sizeof(entry));
    put(writer, record->name.bytes, record->name.len);
    put(writer, record->message, record->len);
    writer->n++;
    return writer->error == 0;
}

static void put_end(struct writer *writer)
{
    uint8_t hash[CACHE_FORMAT_HASH];

    put(writer, &writer->n, sizeof(writer->n));
    crypto_generichash_final(&writer->hash, hash, sizeof(hash));
    put(writer, hash, sizeof(hash));
    if (writer->error == 0 && (fflush(writer->out) != 0 || fsync(fileno(writer->out)) < 0))
        writer->error = errno;
}

/* NULL: what is at PATH may be replaced. A slip of the pen in the configuration shall not cost
 * somebody his file. */
static const char *replaceable(const char *path, char *reason)
{
    char magic[8];
    struct stat file;
    ssize_t n = 0;
    int fd;

    if (lstat(path, &file) < 0)
        return errno == ENOENT ? NULL : strerror(errno);
    if (!S_ISREG(file.st_mode))
        return "something is there that is no file";
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0)
        n = read(fd, magic, sizeof(magic));
    if (fd < 0 || n < 0) {
        snprintf(reason, CACHE_FILE_REASON, "the file there cannot be read (%s)", strerror(errno));
        n = -1;
    }
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return reason;
    return n == 0 || (n == sizeof(magic) && memcmp(magic, CACHE_FORMAT_MAGIC, sizeof(magic)) == 0)
               ? NULL
               : "a file is there that is not ours; move it away or give another path";
}

/* Writes all of it to FD, which is closed. 0 or negative errno. */
static int write_all(int fd, struct writer *writer, struct rd_cache *cache, int64_t wall_ns)
{
    writer->out = fdopen(fd, "w");
    if (!writer->out) {
        close(fd);
        return -ENOMEM;
    }
    crypto_generichash_init(&writer->hash, NULL, 0, CACHE_FORMAT_HASH);
    put_head(writer, wall_ns);
    rd_cache_walk(cache, put_entry, writer);
    put_end(writer);
    if (fclose(writer->out) != 0 && writer->error == 0)
        writer->error = errno;
    return -writer->error;
}

/* So that the new name outlasts a power cut; where that cannot be, the old file does. */
static void sync_directory(const char *path)
{
    char copy[RD_PATH_BYTES];
    int fd;

    snprintf(copy, sizeof(copy), "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

const char *cache_file_save(const char *path, struct rd_cache *cache, const struct cache_look *look,
                            int64_t wall_ns, uint64_t *ret_n, char reason[CACHE_FILE_REASON])
{
    struct writer writer = {.look = look};
    const char *wrong = replaceable(path, reason);
    char beside[RD_PATH_BYTES + 8];
    int fd, r;

    if (wrong)
        return wrong;
    snprintf(beside, sizeof(beside), "%s.new", path);
    unlink(beside); /* of a run that was killed while it wrote */
    fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    r = fd < 0 ? -errno : write_all(fd, &writer, cache, wall_ns);
    if (r == 0 && rename(beside, path) < 0)
        r = -errno;
    if (r < 0) {
        if (fd >= 0)
            unlink(beside);
        snprintf(reason, CACHE_FILE_REASON, "%.110s cannot be written (%s)", beside, strerror(-r));
        return reason;
    }
    sync_directory(path);
    *ret_n = writer.n;
    return NULL;
}
