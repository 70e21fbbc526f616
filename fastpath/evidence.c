/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evidence.c - time-outs and network errors as evidence.
 *
 * One worker's thread. Not here: the verdict (fleet.c), probes (probe.c).
 */
#include "evidence.h"

#include "attempt.h"
#include "probe.h"

bool evidence_counts(const struct context *context, const struct question *question,
                     const struct attempt *attempt)
{
    return !attempt->tcp || (question->key.view != QUESTION_PROBE &&
                             context->snapshot->pools[question->key.view].tcp);
}

static bool has_counted(const struct question *question, unsigned index)
{
    for (unsigned i = 0; i < question->n_attempts; i++)
        if (i != index && question->attempts[i].server == question->attempts[index].server &&
            (question->attempts[i].outcome == ATTEMPT_LATE ||
             question->attempts[i].outcome == ATTEMPT_BROKEN))
            return true;
    return false;
}

void evidence_against(struct context *context, const struct question *question, unsigned index)
{
    const struct attempt *attempt = &question->attempts[index];

    if (question->key.view == QUESTION_PROBE || !evidence_counts(context, question, attempt) ||
        attempt->sent_ns <= context->upstream.servers[attempt->server].last_reply_ns ||
        has_counted(question, index))
        return;
    if (fleet_timed_out(context->fleet, attempt->server, probe_name_hash(&question->key.name),
                        context->now_ns))
        probe_server(context, attempt->server);
}

/* Late attempts are listened for until the end, but do not fill their server's cap. */
static void end_time(struct context *context, struct question *question, unsigned index)
{
    struct attempt *attempt = &question->attempts[index];

    attempt->outcome = ATTEMPT_LATE;
    if (attempt->awaited)
        context->upstream.servers[attempt->server].late++;
    if (evidence_counts(context, question, attempt))
        upstream_timed_out(&context->upstream, attempt->server,
                           probe_suffix_hash(&question->key.name));
    evidence_against(context, question, index);
}

void evidence_of_time(struct context *context, struct question *question)
{
    /* What a probe's silence means is probe.c's to say. */
    if (question->key.view == QUESTION_PROBE)
        return;
    for (unsigned i = 0; i < question->n_attempts; i++)
        if (question->attempts[i].outcome == ATTEMPT_WAITING &&
            context->now_ns - question->attempts[i].sent_ns >= ATTEMPT_FIRST_NS)
            end_time(context, question, i);
}
