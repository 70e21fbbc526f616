/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle.c - oracle.h: what all parts of it share, and what happens to the world.
 *
 * Not here: queries (oracle_query.c), answers (oracle_answer.c, oracle_match.c), what is asked
 * (oracle_ask.c) and replied (oracle_reply.c, oracle_said.c).
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/storm/oracle_state.h"

/* Those who follow hear of a shortage by letter, and may be held meanwhile. */
#define SHORTAGE_NS (5 * RD_NS_PER_S)

/* -- subjects --------------------------------------------------------------------------------- */

static uint64_t hash_of(uint64_t name, uint16_t type)
{
    return name + type * UINT64_C(0x9e3779b97f4a7c15);
}

static struct subject *find(struct oracle *oracle, uint64_t hash, const uint8_t *name, size_t len,
                            uint16_t type, bool create)
{
    struct node *node = NULL;
    struct subject *subject;

    while ((node = table_find(&oracle->subjects, hash, node))) {
        subject = HOLDER(node, struct subject, node);
        if (subject->type == type && subject->len == len && memcmp(subject->name, name, len) == 0)
            return subject;
    }
    if (!create)
        return NULL;
    subject = oracle_memory(sizeof(*subject));
    subject->type = type;
    subject->len = (uint8_t)len;
    memcpy(subject->name, name, len);
    table_add(&oracle->subjects, &subject->node, hash);
    return subject;
}

struct subject *oracle_subject(struct oracle *oracle, const uint8_t *name, size_t len,
                               uint16_t type, bool create)
{
    return find(oracle, hash_of(reading_name_hash(name, len), type), name, len, type, create);
}

struct subject *oracle_subject_of(struct oracle *oracle, const struct reading *reading, bool create)
{
    return find(oracle, hash_of(reading->name, reading->type), reading->text, reading->name_len,
                reading->type, create);
}

struct side *oracle_side(struct subject *subject, unsigned worker, unsigned view)
{
    struct side *side = subject->sides;

    while (side && (side->worker != worker || side->view != view))
        side = side->next;
    if (side)
        return side;
    side = oracle_memory(sizeof(*side));
    side->worker = (uint8_t)worker;
    side->view = (uint8_t)view;
    link_init(&side->waiting);
    side->next = subject->sides;
    subject->sides = side;
    return side;
}

static void forget_subject(struct node *node)
{
    struct subject *subject = HOLDER(node, struct subject, node);

    for (struct said *said = subject->said, *next; said; said = next) {
        next = said->next;
        free(said);
    }
    for (struct side *side = subject->sides, *next; side; side = next) {
        next = side->next;
        free(side);
    }
    free(subject);
}

/* -- life ------------------------------------------------------------------------------------- */

/* The configuration may be changed without being published, so that it is looked at only then. */
static void note_config(struct oracle *oracle)
{
    const struct rd_config *config = &oracle->rules.storm->config;

    oracle->randomizes = false;
    for (uint32_t i = 0; i < config->n_pools; i++)
        oracle->randomizes |= config->pools[i].randomize_case;
}

struct oracle *oracle_new(const struct oracle_rules *rules)
{
    struct oracle *oracle = oracle_memory(sizeof(*oracle));

    oracle->rules = *rules;
    note_config(oracle);
    table_init(&oracle->subjects);
    table_init(&oracle->groups);
    table_init(&oracle->asks);
    table_init(&oracle->streams);
    link_init(&oracle->groups_aging);
    link_init(&oracle->groups_waiting);
    link_init(&oracle->asks_aging);
    for (unsigned i = 0; i < STORM_MAX_WORKERS; i++)
        oracle->wrong_ids[i] =
            oracle_memory((rules->storm->plan.max_ports + 1) * sizeof(*oracle->wrong_ids[i]));
    for (unsigned i = 0; i < STORM_MAX_WORKERS; i++)
        oracle->ports[i] =
            oracle_memory((rules->storm->plan.max_ports + 1) * sizeof(*oracle->ports[i]));
    return oracle;
}

static void forget_group(struct node *node)
{
    struct group *group = HOLDER(node, struct group, node);

    for (struct copy *copy = group->copies, *next; copy; copy = next) {
        next = copy->next;
        free(copy);
    }
    free(group);
}

static void forget_ask(struct node *node)
{
    free(HOLDER(node, struct asked, node));
}

static void forget_stream(struct node *node)
{
    free(HOLDER(node, struct stream, node));
}

void oracle_free(struct oracle *oracle)
{
    if (!oracle)
        return;
    table_deinit(&oracle->groups, forget_group);
    table_deinit(&oracle->asks, forget_ask);
    table_deinit(&oracle->streams, forget_stream);
    table_deinit(&oracle->subjects, forget_subject);
    reading_deinit(&oracle->reading);
    for (unsigned i = 0; i < STORM_MAX_WORKERS; i++)
        free(oracle->wrong_ids[i]);
    for (unsigned i = 0; i < STORM_MAX_WORKERS; i++)
        free(oracle->ports[i]);
    free(oracle->flushes);
    free(oracle);
}

/* -- what is seen of the workers -------------------------------------------------------------- */

uint64_t oracle_clock(const struct oracle *oracle)
{
    const struct sim *sim = oracle->rules.storm->sim;

    return sim->frozen ? sim->frozen_ns : sim->now_ns;
}

/* The counter at OFFSET of struct rd_stats, of all workers. */
static uint64_t counted(const struct oracle *oracle, size_t offset)
{
    const struct storm *storm = oracle->rules.storm;
    uint64_t sum = 0;

    for (unsigned i = 0; i < STORM_MAX_WORKERS; i++)
        if (storm->workers[i]) {
            const struct rd_stats *stats = rd_worker_stats(storm->workers[i]);

            sum += rd_stat_get((const _Atomic uint64_t *)((const char *)stats + offset));
        }
    return sum;
}

uint64_t oracle_lost(const struct oracle *oracle)
{
    return counted(oracle, offsetof(struct rd_stats, answers_lost_buffer));
}

bool oracle_was_short(struct oracle *oracle)
{
    static const size_t all[] = {
        offsetof(struct rd_stats, failed_slots), offsetof(struct rd_stats, failed_waiters),
        offsetof(struct rd_stats, failed_ports), offsetof(struct rd_stats, failed_cap),
        offsetof(struct rd_stats, failed_down),  offsetof(struct rd_stats, failed_route),
        offsetof(struct rd_stats, failed_room),  offsetof(struct rd_stats, answers_lost_buffer),
    };
    uint64_t sum = 0;

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        sum += counted(oracle, all[i]);
    if (sum != oracle->shortages) {
        oracle->shortages = sum;
        oracle->shortage_ns = oracle_now(oracle);
    }
    return oracle->shortages && oracle_now(oracle) - oracle->shortage_ns <= SHORTAGE_NS;
}

/* -- the world -------------------------------------------------------------------------------- */

static size_t name_len(const uint8_t *name)
{
    size_t len = 0;

    while (name[len] != 0)
        len += name[len] + 1u;
    return len + 1;
}

void oracle_flush(struct oracle *oracle, const uint8_t *name, bool suffix)
{
    struct flush *flush;

    if (oracle->rules.storm->plan.cache_bytes == 0)
        return; /* there is nothing to be flushed, and nobody is told */
    oracle->changed_ns = oracle_now(oracle);
    if (oracle->n_flushes == oracle->flushes_room) {
        oracle->flushes_room = 2 * oracle->flushes_room + 16;
        oracle->flushes = realloc(oracle->flushes, oracle->flushes_room * sizeof(*oracle->flushes));
        if (!oracle->flushes)
            abort();
    }
    flush = &oracle->flushes[oracle->n_flushes++];
    flush->len = (uint8_t)(name ? name_len(name) : 0);
    flush->suffix = suffix;
    for (size_t i = 0; i < flush->len; i++)
        flush->name[i] =
            name[i] >= 'A' && name[i] <= 'Z' ? (uint8_t)(name[i] + 'a' - 'A') : name[i];
}

bool oracle_flush_covers(const struct flush *flush, const struct subject *subject)
{
    if (flush->len == 0)
        return true;
    if (flush->suffix)
        return reading_is_below(subject->name, subject->len, flush->name, flush->len);
    return subject->len == flush->len && memcmp(subject->name, flush->name, flush->len) == 0;
}

void oracle_reload(struct oracle *oracle)
{
    oracle->reloads++;
    oracle->changed_ns = oracle_now(oracle);
    note_config(oracle);
}

/* Bytes that do not even hold a name are not told apart from nothing: the message is lost as any
 * other, and what was asked by it is in other messages, too. */
void oracle_trouble(struct oracle *oracle, const uint8_t *bytes, size_t len, uint64_t until_ns)
{
    uint64_t now_ns = oracle_now(oracle);
    uint64_t *trouble_ns = &oracle->trouble_ns;
    uint8_t name[255];
    uint16_t type;

    until_ns = until_ns > now_ns ? until_ns : now_ns;
    if (bytes) {
        size_t n = reading_guess(bytes, len, name, &type);

        if (n == 0)
            return;
        trouble_ns = &oracle_subject(oracle, name, n, type, true)->trouble_ns;
    }
    if (*trouble_ns < until_ns)
        *trouble_ns = until_ns;
}

void oracle_count(const struct oracle *oracle, struct oracle_counts *ret_counts)
{
    *ret_counts = oracle->counts;
    ret_counts->unanswered =
        oracle->due > oracle->counts.answers ? oracle->due - oracle->counts.answers : 0;
}

/* -- reports ---------------------------------------------------------------------------------- */

bool oracle_wrong(struct oracle *oracle, const char *format, ...)
{
    va_list args;

    if (oracle->near >= NEAR_TOLD)
        return false;
    oracle->near = NEAR_TOLD;
    va_start(args, format);
    vsnprintf(oracle->why, sizeof(oracle->why), format, args);
    va_end(args);
    return false;
}

void oracle_report(struct oracle *oracle, const char *who, const struct subject *subject,
                   const char *format, ...)
{
    char name[READING_TEXT_BYTES] = "?", why[240];
    uint64_t us = (oracle_now(oracle) - SIM_START_NS) / 1000;
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    if (subject)
        reading_text(subject->name, subject->len, name);
    sim_broken(oracle->rules.storm->sim, "%s at %" PRIu64 ".%06" PRIu64 " s, %.120s type %u: %s",
               who, us / 1000000, us % 1000000, name, subject ? subject->type : 0, why);
}
