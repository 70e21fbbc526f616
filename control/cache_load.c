/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_load.c - reads the cache's file, and believes it as little as the network.
 *
 * First the whole file is read for its checksum, which finds what disks and cuts do to files; then
 * entry by entry, each of which the cache checks as if it had come from outside.
 * Thread: main.
 * Not here: the bytes' meaning (cache_format.h), writing them (cache_save.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_file.h"
#include "cache_format.h"
#include "dns_text.h"

#define S_NS UINT64_C(1000000000)
enum { CHUNK_BYTES = 65536 };

struct loader {
    FILE *in;
    uint64_t left; /* bytes before the end */
    struct cache_format_head head;
    struct cache_format_end end;
    int pools[RD_MAX_POOLS]; /* the file's pools among those of LOOK; -1: gone */
    const struct cache_look *look;
    uint64_t elapsed_ns;
    struct rd_cache *cache;
    struct rd_cache_record *record;
    struct cache_file_result *result;
};

/* Within what is before the end. */
static bool get(struct loader *loader, void *bytes, size_t len)
{
    if (len > loader->left || fread(bytes, 1, len, loader->in) != len)
        return false;
    loader->left -= len;
    return true;
}

static const char *check_head(const struct cache_format_head *head, char *reason)
{
    if (memcmp(head->magic, CACHE_FORMAT_MAGIC, sizeof(head->magic)) != 0)
        return "it is not the file of a cache";
    if (head->order != CACHE_FORMAT_ORDER)
        return "it was written by a machine with another byte order";
    if (head->version == CACHE_FORMAT_VERSION)
        return NULL;
    snprintf(reason, CACHE_FILE_REASON,
             "it has version %" PRIu32 " of the format, this program writes and reads %d",
             head->version, CACHE_FORMAT_VERSION);
    return reason;
}

/* Reads head and end, and all between for the checksum; then stands behind the head. */
static const char *check_file(struct loader *loader, uint64_t size, char *reason)
{
    uint8_t chunk[CHUNK_BYTES], hash[CACHE_FORMAT_HASH];
    crypto_generichash_state state;
    const char *wrong;
    size_t n;

    if (fread(&loader->head, sizeof(loader->head), 1, loader->in) != 1)
        return "it is cut: shorter than a head";
    wrong = check_head(&loader->head, reason);
    if (wrong)
        return wrong;
    if (size < sizeof(loader->head) + sizeof(loader->end))
        return "it is cut: shorter than head and end";
    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    rewind(loader->in);
    for (uint64_t left = size - sizeof(hash); left > 0; left -= n) {
        n = left < sizeof(chunk) ? (size_t)left : sizeof(chunk);
        if (fread(chunk, n, 1, loader->in) != 1)
            return "it cannot be read to its end";
        crypto_generichash_update(&state, chunk, n);
    }
    crypto_generichash_final(&state, hash, sizeof(hash));
    if (fseeko(loader->in, (off_t)(size - sizeof(loader->end)), SEEK_SET) < 0 ||
        fread(&loader->end, sizeof(loader->end), 1, loader->in) != 1 ||
        fseeko(loader->in, sizeof(loader->head), SEEK_SET) < 0)
        return "it cannot be read to its end";
    if (memcmp(hash, loader->end.hash, sizeof(hash)) != 0)
        return "its checksum does not fit: it is cut or damaged";
    loader->left = size - sizeof(loader->head) - sizeof(loader->end);
    return NULL;
}

static bool get_pools(struct loader *loader)
{
    struct cache_format_pool pool;

    if (loader->head.n_pools > RD_MAX_POOLS)
        return false;
    for (uint32_t i = 0; i < loader->head.n_pools; i++) {
        if (!get(loader, &pool, sizeof(pool)))
            return false;
        loader->pools[i] = cache_views_named(&loader->look->views, pool.name,
                                             strnlen(pool.name, sizeof(pool.name)));
    }
    return true;
}

/* Reads the next entry; false: its form is wrong. */
static bool get_entry(struct loader *loader, struct cache_format_entry *ret_entry)
{
    struct rd_cache_record *record = loader->record;

    if (!get(loader, ret_entry, sizeof(*ret_entry)) || ret_entry->kind > RD_CACHE_FAILURE ||
        ret_entry->pool >= loader->head.n_pools || ret_entry->name_len == 0 ||
        (ret_entry->flags & ~CACHE_FORMAT_FLAGS) != 0 || ret_entry->len > RD_CACHE_MESSAGE_BYTES)
        return false;
    *record = (struct rd_cache_record){
        .type = ret_entry->type,
        .kind = ret_entry->kind,
        .dnssec_ok = ret_entry->flags & CACHE_FORMAT_DO,
        .checking_disabled = ret_entry->flags & CACHE_FORMAT_CD,
        .trust_ad = ret_entry->flags & CACHE_FORMAT_AD,
        .lifetime_s = ret_entry->lifetime_s,
        .len = ret_entry->len,
    };
    record->name.len = ret_entry->name_len;
    return get(loader, record->name.bytes, ret_entry->name_len) &&
           get(loader, record->message, ret_entry->len);
}

/* Takes S seconds off all TTLs and the lifetime, as if the answer had come so much later. */
static bool shorten(struct rd_cache_record *record, uint64_t s)
{
    struct dns_reader reader;
    struct dns_record one;

    record->lifetime_s -= (uint32_t)s;
    dns_reader_open(record->message, record->len, &reader);
    while (dns_reader_next(&reader, &one)) {
        uint32_t ttl = one.ttl > s ? one.ttl - (uint32_t)s : 0;

        if (one.type == RD_TYPE_OPT)
            continue;
        for (unsigned i = 0; i < 4; i++)
            record->message[one.ttl_at + i] = (uint8_t)(ttl >> (24 - 8 * i));
    }
    return !reader.broken;
}

/* Sets when it came, on a boot-time clock that may have begun after that: what it cannot express is
 * taken off the TTLs. False: it ended before the clock began. */
static bool settle_age(struct rd_cache_record *record, uint64_t age_ns, uint64_t now_ns)
{
    uint64_t rest_s;

    if (age_ns >= now_ns) {
        rest_s = (age_ns - now_ns) / S_NS + 1;
        if (rest_s >= record->lifetime_s || !shorten(record, rest_s))
            return false;
        age_ns = age_ns > rest_s * S_NS ? age_ns - rest_s * S_NS : 0;
    }
    record->stored_ns = now_ns - age_ns;
    return true;
}

static bool is_expired(const struct rd_cache_record *record, uint64_t age_ns, uint64_t stale_ms)
{
    return age_ns >= record->lifetime_s * S_NS + stale_ms * 1000000;
}

static void load_entry(struct loader *loader, const struct cache_format_entry *entry)
{
    struct rd_cache_record *record = loader->record;
    const struct cache_look *look = loader->look;
    uint64_t age_ns = entry->age_ns + loader->elapsed_ns;
    int pool = loader->pools[entry->pool];

    if (pool < 0) {
        loader->result->gone++;
    } else if (age_ns < entry->age_ns || is_expired(record, age_ns, look->stale_ms) ||
               !settle_age(record, age_ns, look->now_ns)) {
        loader->result->expired++;
    } else {
        record->view = look->views.at[pool].view;
        record->incarnation = look->views.at[pool].incarnation;
        if (rd_cache_load(loader->cache, record))
            loader->result->loaded++;
        else
            loader->result->refused++;
    }
}

static const char *load_all(struct loader *loader, int64_t wall_ns, char *reason)
{
    struct cache_format_entry entry;

    loader->result->backwards = wall_ns < loader->head.saved_wall_ns;
    loader->elapsed_ns =
        loader->result->backwards ? 0 : (uint64_t)wall_ns - (uint64_t)loader->head.saved_wall_ns;
    loader->result->elapsed_s = loader->elapsed_ns / S_NS;
    if (!get_pools(loader))
        return "its list of pools is wrong";
    for (uint64_t i = 0; i < loader->end.n; i++) {
        if (!get_entry(loader, &entry)) {
            snprintf(reason, CACHE_FILE_REASON, "entry %" PRIu64 " of %" PRIu64 " is wrong", i + 1,
                     loader->end.n);
            return reason;
        }
        load_entry(loader, &entry);
    }
    return loader->left == 0 ? NULL : "there is more in it than its entries";
}

/* Whoever can write it decides what is answered, and the checksum is no signature. */
static bool is_ours(const struct stat *file)
{
    return (file->st_uid == geteuid() || file->st_uid == 0) &&
           (file->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* NULL: *RET_FD and *RET_SIZE. Only a file has an end that can be relied on. */
static const char *open_file(const char *path, int *ret_fd, uint64_t *ret_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *wrong = NULL;
    struct stat file;

    if (fd < 0)
        return errno == ENOENT ? "" : strerror(errno);
    if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode))
        wrong = "it is no file";
    else if (!is_ours(&file))
        wrong = "others can write it; it must be ours or root's, and chmod go-w";
    if (wrong) {
        close(fd);
        return wrong;
    }
    *ret_fd = fd;
    *ret_size = (uint64_t)file.st_size;
    return NULL;
}

const char *cache_file_load(const char *path, struct rd_cache *cache, const struct cache_look *look,
                            int64_t wall_ns, struct cache_file_result *ret_result,
                            char reason[CACHE_FILE_REASON])
{
    struct loader loader = {.look = look, .cache = cache, .result = ret_result};
    uint64_t size = 0;
    int fd = -1;
    const char *wrong = open_file(path, &fd, &size);

    *ret_result = (struct cache_file_result){0};
    if (wrong)
        return wrong;
    loader.in = fdopen(fd, "r");
    if (!loader.in)
        close(fd);
    loader.record = malloc(sizeof(*loader.record));
    if (!loader.in || !loader.record)
        wrong = "no memory to read it";
    if (!wrong)
        wrong = check_file(&loader, size, reason);
    if (!wrong)
        wrong = load_all(&loader, wall_ns, reason);
    if (loader.in)
        fclose(loader.in);
    free(loader.record);
    return wrong;
}
