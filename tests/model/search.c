/* SPDX-License-Identifier: BSD-2-Clause */
/* search.c - depth first, with a table of the states that were met. */
#include "model/search.h"

#include <stdlib.h>
#include <string.h>

struct print {
    uint64_t a, b;
};

/* Open addressing, at most half full; an all-zero print is an empty place. */
struct met {
    struct print *prints;
    size_t room, count;
};

struct search {
    const struct model_scenario *scenario;
    const int *orders;
    unsigned threads;
    struct met met;
    struct model_result *result;
    unsigned depth;
};

static struct print print_of(const struct model_state *state)
{
    struct print print = {0x9e3779b97f4a7c15, 0xd1b54a32d192ed03};
    const uint8_t *bytes = (const uint8_t *)state;

    for (size_t i = 0; i < sizeof(*state); i += sizeof(uint64_t)) {
        size_t rest = sizeof(*state) - i;
        uint64_t word = 0;

        memcpy(&word, bytes + i, rest < sizeof(word) ? rest : sizeof(word));
        print.a = (print.a ^ word) * 0xff51afd7ed558ccd;
        print.a ^= print.a >> 32;
        print.b = (print.b ^ word) * 0xc4ceb9fe1a85ec53;
        print.b ^= print.b >> 29;
    }
    print.a |= 1;
    return print;
}

/* True: it was not there. */
static bool put(struct met *met, struct print print)
{
    size_t at = (size_t)(print.b & (met->room - 1));

    while (met->prints[at].a) {
        if (met->prints[at].a == print.a && met->prints[at].b == print.b)
            return false;
        at = (at + 1) & (met->room - 1);
    }
    met->prints[at] = print;
    met->count++;
    return true;
}

static void met_init(struct met *met, size_t room)
{
    met->room = room;
    met->count = 0;
    met->prints = calloc(room, sizeof(*met->prints));
    if (!met->prints)
        abort();
}

static bool met_first(struct met *met, const struct model_state *state)
{
    if (met->count * 2 >= met->room) {
        struct met old = *met;

        met_init(met, old.room * 2);
        for (size_t i = 0; i < old.room; i++)
            if (old.prints[i].a)
                put(met, old.prints[i]);
        free(old.prints);
    }
    return put(met, print_of(state));
}

static bool note(struct search *search, const struct model_state *state)
{
    struct model_result *result = search->result;
    bool over = true;

    if (state->answered)
        result->answers |= 1u << (state->answered & 15);
    for (unsigned i = 0; i < search->threads; i++)
        over = over && state->threads[i].over;
    if (state->bad || (over && search->scenario->bad && search->scenario->bad(state))) {
        result->bad = true;
        result->n_moves = search->depth;
    }
    return over || result->bad;
}

static void go_on(struct search *search, const struct model_state *state);

static void go_on_with(struct search *search, const struct model_state *state, unsigned thread)
{
    const struct model_step *program = search->scenario->programs[thread];
    uint8_t number = state->threads[thread].step;
    unsigned choices = model_choices(state, thread, &program[number]);

    for (unsigned i = 0; i < choices && !search->result->bad; i++) {
        struct model_state next = *state;

        if (!model_step(&next, thread, &program[number], search->orders, i))
            continue;
        model_settle(&next, thread, program, search->orders);
        search->result->moves[search->depth++] =
            (struct model_move){(uint8_t)thread, number, (uint8_t)i};
        if (!note(search, &next)) {
            model_forget(&next, search->scenario->bad);
            if (met_first(&search->met, &next))
                go_on(search, &next);
        }
        search->depth--;
    }
}

static void go_on(struct search *search, const struct model_state *state)
{
    for (unsigned i = 0; i < search->threads; i++)
        if (!state->threads[i].over)
            go_on_with(search, state, i);
}

void model_search(const struct model_scenario *scenario, const int *orders,
                  struct model_result *ret_result)
{
    struct search search = {.scenario = scenario, .orders = orders, .result = ret_result};
    struct model_state state;

    memset(ret_result, 0, sizeof(*ret_result));
    while (search.threads < MODEL_THREADS && scenario->programs[search.threads])
        search.threads++;
    met_init(&search.met, 1u << 12);
    model_start(&state, scenario->start, search.threads);
    for (unsigned i = 0; i < search.threads; i++)
        model_settle(&state, i, scenario->programs[i], orders);
    met_first(&search.met, &state);
    go_on(&search, &state);
    ret_result->states = search.met.count;
    free(search.met.prints);
}
