/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * known.c - names by what is known of their ends.
 *
 * An end is noted only if all of it stands in front of the name that led there: then it lies
 * within whatever bounds a later name has. Pure but for *KNOWN, any thread.
 */
#include "wire/known.h"

#include <string.h>

#include "wire/cursor.h"

#define POINTERS_MAX 127
#define STEPS_MAX    (RD_DNS_NAME_BYTES + POINTERS_MAX + 1)

/* From a pointer's target on: each label and pointer that was stepped over. */
struct path {
    const uint8_t *data;
    size_t len;
    size_t part, at; /* where the present part began, the next step */
    size_t reach;    /* offset behind the farthest byte */
    unsigned bytes, pointers, n;
    struct {
        uint16_t at;
        uint8_t bytes, pointers; /* in front of it */
    } steps[STEPS_MAX];
};

static size_t target(const uint8_t *data, size_t at)
{
    return rd_get_u16(data + at) & 0x3fffu;
}

static void note_step(struct path *path)
{
    path->steps[path->n].at = (uint16_t)path->at;
    path->steps[path->n].bytes = (uint8_t)path->bytes;
    path->steps[path->n++].pointers = (uint8_t)path->pointers;
}

/* Over the pointer at path->at, to a lower part. */
static bool jump(struct path *path)
{
    if (path->at + 2 > path->len || ++path->pointers > POINTERS_MAX)
        return false;
    if (path->reach < path->at + 2)
        path->reach = path->at + 2;
    path->at = target(path->data, path->at);
    if (path->at < RD_DNS_HEADER_BYTES || path->at >= path->part)
        return false;
    path->part = path->at;
    return true;
}

/* Over the label there. */
static bool pass(struct path *path)
{
    unsigned bytes = path->data[path->at] + 1u;

    path->bytes += bytes;
    path->at += bytes;
    if (path->reach < path->at)
        path->reach = path->at;
    return bytes <= RD_DNS_LABEL_BYTES + 1 && path->bytes <= RD_DNS_NAME_BYTES &&
           path->at <= path->len;
}

/* Notes all ends of what was stepped over; REST is what came behind. */
static void learn(struct known *known, const struct path *path, struct known_end rest)
{
    uint16_t next = rest.next;

    for (unsigned i = path->n; i-- > 0;) {
        size_t at = path->steps[i].at;

        if (path->data[at] >= 0xc0)
            next = (uint16_t)target(path->data, at);
        if (at < KNOWN_OFFSETS)
            known->at[at] = (struct known_end){
                .bytes = (uint8_t)(path->bytes - path->steps[i].bytes),
                .pointers = (uint8_t)(path->pointers - path->steps[i].pointers),
                .next = next,
            };
    }
}

/* Whether the end that PATH has before it, which is the rest of the name at OFFSET, is sound. */
static bool is_sound(struct known *known, struct path *path, size_t offset)
{
    struct known_end rest = {0};
    bool root = false;

    while (!root) {
        if (path->at >= path->len)
            return false;
        if (path->at < KNOWN_OFFSETS && known->at[path->at].bytes > 0) {
            rest = known->at[path->at];
            break;
        }
        note_step(path);
        root = path->data[path->at] == 0;
        if (!(path->data[path->at] >= 0xc0 ? jump(path) : pass(path)))
            return false;
    }
    path->bytes += rest.bytes;
    path->pointers += rest.pointers;
    if (rest.next >= path->part || path->bytes > RD_DNS_NAME_BYTES || path->pointers > POINTERS_MAX)
        return false;
    if (path->reach <= offset)
        learn(known, path, rest);
    return true;
}

size_t known_unpack(struct known *known, const uint8_t *data, size_t len, size_t offset)
{
    struct path path;
    size_t at = offset;

    if (++known->names <= KNOWN_FROM)
        return rd_name_unpack(data, len, offset, NULL);
    if (known->names == KNOWN_FROM + 1)
        memset(known->at, 0, sizeof(known->at));
    while (at < len && data[at] > 0 && data[at] <= RD_DNS_LABEL_BYTES)
        at += data[at] + 1u;
    if (at >= len || at - offset >= RD_DNS_NAME_BYTES)
        return 0;
    if (data[at] == 0)
        return at + 1 - offset;
    path.data = data;
    path.len = len;
    path.part = offset;
    path.at = at;
    path.bytes = (unsigned)(at - offset);
    path.reach = path.pointers = path.n = 0;
    if (data[at] < 0xc0 || !jump(&path))
        return 0;
    path.reach = 0;
    return is_sound(known, &path, offset) ? at + 2 - offset : 0;
}
