/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reading.c - reading.h: one pass, each name copied where it stands.
 *
 * A reading that fails stops at once, and what was read before stays. One thread.
 */
#include "sim/storm/reading.h"

#include <stdlib.h>
#include <string.h>

#define HEADER       12
#define NAME_MOST    255
#define LABEL_MOST   63
#define POINTERS     127
#define SKIPPED_MOST 16 /* questions in a message that has several */
#define CLASS_IN     1
#define TYPE_SIG     24
#define TYPE_OPT     41
#define TYPE_TSIG    250
#define FIXED        10 /* bytes between a record's owner and its RDATA */

/* RDATA by type: a number is so many bytes, n a name, s a string, S strings up to the end; a dot:
 * there is nothing behind it. What is not here may be anything. */
/* clang-format off */
static const char *const layouts[] = {
    [1] = "4.",   [2] = "n.",   [3] = "n.",    [4] = "n.",    [5] = "n.",    [6] = "nn20.",
    [7] = "n.",   [8] = "n.",   [9] = "n.",    [11] = "5",    [12] = "n.",   [13] = "ss.",
    [14] = "nn.", [15] = "2n.", [16] = "sS.",  [17] = "nn.",  [18] = "2n.",  [19] = "s.",
    [20] = "sS.", [21] = "2n.", [23] = "n.",   [24] = "18n",  [26] = "2nn.", [27] = "sss.",
    [28] = "16.", [29] = "16.", [30] = "n",    [33] = "6n.",  [35] = "4sssn.", [36] = "2n.",
    [39] = "n.",  [46] = "18n", [47] = "n",    [58] = "nn.",  [64] = "2n",   [65] = "2n",
    [99] = "sS.", [104] = "10.", [105] = "6.", [106] = "10.", [107] = "2n.", [108] = "6.",
    [109] = "8.",
};
/* clang-format on */

static uint16_t u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t u32(const uint8_t *at)
{
    return (uint32_t)u16(at) << 16 | u16(at + 2);
}

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
}

static uint64_t mixed(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

uint64_t reading_hash(uint64_t seed, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t hash = mixed(seed, len), word;

    for (; len >= 8; at += 8, len -= 8) {
        memcpy(&word, at, 8);
        hash = mixed(hash, word);
    }
    word = 0;
    memcpy(&word, at, len);
    return mixed(hash, word) * UINT64_C(0xbf58476d1ce4e5b9);
}

static void *grown(void *memory, size_t bytes)
{
    memory = realloc(memory, bytes);
    if (!memory)
        abort();
    return memory;
}

/* Room for BYTES more behind the text. */
static uint8_t *text_room(struct reading *reading, size_t bytes)
{
    if (reading->text_len + bytes > reading->text_room) {
        reading->text_room = 2 * (reading->text_len + bytes) + 1024;
        reading->text = grown(reading->text, reading->text_room);
    }
    return reading->text + reading->text_len;
}

/* The name at AT in a message that ends at END, whole and in lower case to TO (255 bytes). The
 * bytes that it takes at AT, 0: it is not sound. A pointer must lead before the part it stands in.
 */
static size_t unfold(const uint8_t *data, size_t end, size_t at, uint8_t *to, size_t *ret_len)
{
    size_t start = at, part = at, taken = 0, n = 0;
    unsigned pointers = 0;

    while (at < end) {
        unsigned label = data[at];

        if (label >= 0xc0) {
            if (at + 1 >= end || ++pointers > POINTERS)
                return 0;
            taken = taken ? taken : at + 2 - start;
            at = u16(data + at) & 0x3fffu;
            if (at < HEADER || at >= part)
                return 0;
            part = at;
            continue;
        }
        if (label > LABEL_MOST || n + label + 1 > NAME_MOST || at + label >= end)
            return 0;
        for (unsigned i = 0; i <= label; i++)
            to[n++] = lower(data[at++]);
        if (label == 0) {
            *ret_len = n;
            return taken ? taken : at - start;
        }
    }
    return 0;
}

/* -- RDATA ------------------------------------------------------------------------------------ */

/* Where in a record's RDATA the reader is. */
struct rdata {
    struct reading *reading;
    const uint8_t *data;
    size_t at, end;
};

/* BYTES of it to the text. */
static bool pass(struct rdata *rdata, size_t bytes)
{
    if (rdata->end - rdata->at < bytes)
        return false;
    memcpy(text_room(rdata->reading, bytes), rdata->data + rdata->at, bytes);
    rdata->reading->text_len += bytes;
    rdata->at += bytes;
    return true;
}

static bool pass_string(struct rdata *rdata)
{
    return rdata->at < rdata->end && pass(rdata, rdata->data[rdata->at] + 1u);
}

static bool pass_name(struct rdata *rdata)
{
    uint8_t *to = text_room(rdata->reading, NAME_MOST);
    size_t len, taken = unfold(rdata->data, rdata->end, rdata->at, to, &len);

    if (taken == 0)
        return false;
    rdata->reading->text_len += len;
    rdata->at += taken;
    return true;
}

static bool pass_part(struct rdata *rdata, const char **layout)
{
    size_t bytes = 0;

    switch (**layout) {
    case 'n':
        ++*layout;
        return pass_name(rdata);
    case 's':
        ++*layout;
        return pass_string(rdata);
    case 'S':
        ++*layout;
        while (rdata->at < rdata->end)
            if (!pass_string(rdata))
                return false;
        return true;
    case '.':
        ++*layout;
        return rdata->at == rdata->end;
    default:
        for (; **layout >= '0' && **layout <= '9'; ++*layout)
            bytes = bytes * 10 + (size_t)(**layout - '0');
        return pass(rdata, bytes);
    }
}

static bool pass_rdata(struct rdata *rdata, const struct reading_record *record)
{
    const char *layout = "";

    if (record->class == CLASS_IN && record->type < sizeof(layouts) / sizeof(layouts[0]) &&
        layouts[record->type])
        layout = layouts[record->type];
    while (*layout)
        if (!pass_part(rdata, &layout))
            return false;
    return pass(rdata, rdata->end - rdata->at);
}

/* -- OPT -------------------------------------------------------------------------------------- */

static void take_option(struct reading_edns *edns, uint16_t code, const uint8_t *bytes, size_t len)
{
    if (code == 3) {
        edns->nsid = true;
        edns->nsid_len = len;
    } else if (code == 10) {
        if (edns->cookie_len > 0)
            return;
        edns->cookie = bytes;
        edns->cookie_len = len;
    } else if (code == 11) {
        edns->keepalive = true;
        edns->keepalive_units = len == 2 ? u16(bytes) : 0;
    } else if (code == 15) {
        if (len >= 2 && edns->n_edes < READING_EDES)
            edns->edes[edns->n_edes++] = u16(bytes);
    } else {
        edns->others = true;
    }
}

static bool take_options(struct reading_edns *edns, const uint8_t *data, size_t at, size_t end)
{
    struct reading_edns found = *edns;

    while (at < end) {
        size_t len;

        if (end - at < 4 || end - at - 4 < (len = u16(data + at + 2)))
            return false;
        take_option(&found, u16(data + at), data + at + 4, len);
        at += 4 + len;
    }
    *edns = found;
    return true;
}

/* AT: where its RDATA is, behind the owner and ten bytes. */
static enum reading_state take_opt(struct reading *reading, const uint8_t *data,
                                   const struct reading_record *record, size_t at)
{
    struct reading_edns *edns = &reading->edns;

    if (edns->present || record->section != READING_ADDITIONAL || record->owner_len != 1) {
        edns->present = true;
        return READING_EDNS;
    }
    edns->present = true;
    edns->payload = record->class;
    edns->extended = (uint8_t)(record->ttl >> 24);
    edns->version = (uint8_t)(record->ttl >> 16);
    edns->dnssec_ok = record->ttl >> 15 & 1;
    if (edns->version == 0 && !take_options(edns, data, at, at + record->rdata_len))
        return READING_EDNS;
    return READING_WHOLE;
}

/* -- records ---------------------------------------------------------------------------------- */

static struct reading_record *new_record(struct reading *reading, unsigned section)
{
    struct reading_record *record;

    if (reading->n == reading->room) {
        reading->room = 2 * reading->room + 32;
        reading->at = grown(reading->at, reading->room * sizeof(*reading->at));
    }
    record = &reading->at[reading->n];
    record->section = (uint8_t)section;
    record->late = reading->edns.present;
    record->belongs = false;
    return record;
}

/* The owner's name at *AT. Mostly it is the question's, by a pointer. */
static bool take_owner(struct reading *reading, const uint8_t *data, size_t len, size_t *at,
                       struct reading_record *record)
{
    size_t taken, n;

    if (reading->name_len > 0 && len - *at >= 2 && u16(data + *at) == (0xc000 | HEADER)) {
        *at += 2;
        record->owner = 0;
        record->owner_len = (uint32_t)reading->name_len;
        record->name = reading->name;
        return true;
    }
    taken = unfold(data, len, *at, text_room(reading, NAME_MOST), &n);
    if (taken == 0)
        return false;
    *at += taken;
    record->owner = (uint32_t)reading->text_len;
    record->owner_len = (uint32_t)n;
    record->name = reading_name_hash(reading->text + reading->text_len, n);
    reading->text_len += n;
    return true;
}

static bool is_signature(const struct reading_record *record, const uint8_t *rdata)
{
    return record->section == READING_ADDITIONAL &&
           (record->type == TYPE_TSIG ||
            (record->type == TYPE_SIG && record->rdata_len >= 2 && u16(rdata) == 0));
}

static bool take_rdata(struct reading *reading, const uint8_t *data, size_t at,
                       struct reading_record *record)
{
    struct rdata rdata = {reading, data, at, at + record->rdata_len};
    uint64_t fields = (uint64_t)record->type << 16 | record->class;

    reading->tsig |= is_signature(record, data + at);
    record->rdata = (uint32_t)reading->text_len;
    if (!pass_rdata(&rdata, record))
        return false;
    record->rdata_len = (uint32_t)(reading->text_len - record->rdata);
    record->head = mixed(record->name, fields);
    record->whole = reading_hash(record->head, reading->text + record->rdata, record->rdata_len);
    reading->n++;
    return true;
}

/* The record at *AT. */
static enum reading_state take_record(struct reading *reading, const uint8_t *data, size_t len,
                                      unsigned section, size_t *at)
{
    struct reading_record *record = new_record(reading, section);
    size_t rdata;

    if (*at >= len || !take_owner(reading, data, len, at, record) || len - *at < FIXED)
        return READING_RECORD;
    record->type = u16(data + *at);
    record->class = u16(data + *at + 2);
    record->ttl = u32(data + *at + 4);
    record->rdata_len = u16(data + *at + 8);
    rdata = *at + FIXED;
    if (len - rdata < record->rdata_len)
        return READING_RECORD;
    *at = rdata + record->rdata_len;
    if (record->type == TYPE_OPT)
        return take_opt(reading, data, record, rdata);
    return take_rdata(reading, data, rdata, record) ? READING_WHOLE : READING_RECORD;
}

static enum reading_state take_sections(struct reading *reading, const uint8_t *data, size_t len,
                                        size_t at)
{
    for (unsigned section = 0; section < 3; section++)
        for (unsigned i = 0; i < reading->count[1 + section]; i++) {
            enum reading_state state = take_record(reading, data, len, section, &at);

            if (state != READING_WHOLE)
                return state;
        }
    return at == len ? READING_WHOLE : READING_RECORD;
}

/* -- the question ----------------------------------------------------------------------------- */

/* The one question, uncompressed; where it ends, 0: it is not so. */
static size_t take_question(struct reading *reading, const uint8_t *data, size_t len)
{
    size_t at = HEADER;
    uint8_t *to = text_room(reading, NAME_MOST + 1);

    if (reading->count[0] != 1)
        return 0;
    while (at < len && data[at] != 0 && data[at] <= LABEL_MOST && at - HEADER < NAME_MOST)
        at += data[at] + 1u;
    if (at + 5 > len || data[at] != 0 || at + 1 - HEADER > NAME_MOST)
        return 0;
    reading->name_len = reading->text_len = ++at - HEADER;
    for (size_t i = 0; i < reading->name_len; i++)
        to[i] = lower(data[HEADER + i]);
    reading->spelled = data + HEADER;
    reading->name = reading_name_hash(to, reading->name_len);
    reading->type = u16(data + at);
    reading->class = u16(data + at + 2);
    return at + 4;
}

static size_t skip_questions(const struct reading *reading, const uint8_t *data, size_t len)
{
    uint8_t name[NAME_MOST];
    size_t at = HEADER, n;

    if (reading->count[0] > SKIPPED_MOST)
        return 0;
    for (unsigned i = 0; i < reading->count[0]; i++) {
        size_t taken = unfold(data, len, at, name, &n);

        if (taken == 0 || len - at - taken < 4)
            return 0;
        at += taken + 4;
    }
    return at;
}

enum reading_state reading_take(struct reading *reading, const uint8_t *data, size_t len)
{
    size_t at;

    reading->n = 0;
    reading->text_len = reading->name_len = 0;
    reading->tsig = false;
    memset(&reading->edns, 0, sizeof(reading->edns));
    reading->state = reading->rest = READING_SHORT;
    if (len < HEADER)
        return READING_SHORT;
    reading->id = u16(data);
    reading->flags = u16(data + 2);
    for (unsigned i = 0; i < 4; i++)
        reading->count[i] = u16(data + 4 + 2 * i);
    at = take_question(reading, data, len);
    if (at != 0)
        return reading->state = take_sections(reading, data, len, at);
    at = skip_questions(reading, data, len);
    reading->rest = at ? take_sections(reading, data, len, at) : READING_QUESTION;
    return reading->state = READING_QUESTION;
}

void reading_deinit(struct reading *reading)
{
    free(reading->at);
    free(reading->text);
    *reading = (struct reading){.n = 0};
}

/* -- for people and others -------------------------------------------------------------------- */

size_t reading_guess(const uint8_t *data, size_t len, uint8_t *name, uint16_t *ret_type)
{
    size_t n, taken = len > HEADER ? unfold(data, len, HEADER, name, &n) : 0;

    *ret_type = 0;
    if (taken == 0)
        return 0;
    if (len - HEADER - taken >= 2)
        *ret_type = u16(data + HEADER + taken);
    return n;
}

const char *reading_text(const uint8_t *name, size_t len, char text[READING_TEXT_BYTES])
{
    size_t n = 0, label = 0;

    for (size_t i = 0; i < len && n + 2 < READING_TEXT_BYTES; i++) {
        if (label == 0) {
            label = name[i];
            if (i > 0 || len == 1)
                text[n++] = '.';
            continue;
        }
        text[n++] = (char)(name[i] > ' ' && name[i] < 127 ? name[i] : '?');
        label--;
    }
    text[n] = '\0';
    return text;
}

bool reading_is_below(const uint8_t *name, size_t len, const uint8_t *above, size_t above_len)
{
    size_t at = 0;

    while (len - at > above_len)
        at += name[at] + 1u;
    return len - at == above_len && memcmp(name + at, above, above_len) == 0;
}
