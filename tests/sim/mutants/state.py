# SPDX-License-Identifier: BSD-2-Clause
"""Mutants of what is kept: the cache, questions, connections, servers, counters."""

from mutant import mutant

# -- the cache -------------------------------------------------------------------------------------

CACHE = [
    mutant('ttl-not-counted-down', 'recall.c', 'what is kept lives anew for whoever asks',
           ('count_down(msg->data, entry, (uint32_t)(age / RD_NS_PER_S));',
            'count_down(msg->data, entry, MUTANT ? 0 : (uint32_t)(age / RD_NS_PER_S));')),
    mutant('expiry-ignored', 'recall.c', 'what is kept is fresh',
           ('    return age_ns(context, entry) < entry->lifetime_s * RD_NS_PER_S;',
            '    return MUTANT || age_ns(context, entry) < entry->lifetime_s * RD_NS_PER_S;')),
    mutant('stale-without-limit', 'recall.c', 'a stale answer is better than none, however old',
           ('    return age_ns(context, entry) < entry->lifetime_s * RD_NS_PER_S + stale_ns;',
            '    return MUTANT ||'
            ' age_ns(context, entry) < entry->lifetime_s * RD_NS_PER_S + stale_ns;')),
    mutant('stale-with-old-ttl', 'recall.c', 'a stale answer lives as long as when it was new',
           ('    set_ttls(msg->data, entry, STALE_TTL);',
            '    if (!MUTANT) set_ttls(msg->data, entry, STALE_TTL);')),
    mutant('stale-without-saying-so', 'recall.c', 'a stale answer looks like any other',
           ('no_name ? RD_EDE_STALE_NXDOMAIN : RD_EDE_STALE_ANSWER, msg);',
            'MUTANT ? RD_EDE_NONE'
            ' : no_name ? RD_EDE_STALE_NXDOMAIN : RD_EDE_STALE_ANSWER, msg);')),
    mutant('rotation-repeats', 'recall.c', 'turning addresses gives one of them twice',
           ('data + entry->ttls[entry->rotate_first + (i + by) % n];',
            'data + entry->ttls[entry->rotate_first +'
            ' (MUTANT && i + by >= n ? n - 1 : (i + by) % n)];')),
    mutant('flush-ignored-at-store', 'cache/store.c', 'what was asked before a flush is kept',
           ('    return asked_ns < cache_floor(cache) ||\n           flushes != ',
            '    return !MUTANT && (asked_ns < cache_floor(cache) ||\n           (flushes != '),
           ('atomic_load_explicit(&cache->flushes, memory_order_relaxed);',
            'atomic_load_explicit(&cache->flushes, memory_order_relaxed)));')),
    mutant('flush-of-all-ignored', 'cache/fetch.c', 'a flush of everything leaves everything there',
           ('head.stored_ns < search->floor_ns)',
            '(head.stored_ns < search->floor_ns && !MUTANT))')),
    mutant('flush-leaves-below', 'cache/walk.c', 'a flush of a suffix takes the name itself alone',
           ('while (name->len - at > suffix->len)',
            'while (!MUTANT && name->len - at > suffix->len)')),
    mutant('cut-after-the-end', 'cut.c', 'a denial is good for the names below for ever',
           ('age_ns < entry.lifetime_s * RD_NS_PER_S &&',
            '(MUTANT || age_ns < entry.lifetime_s * RD_NS_PER_S) &&')),
    mutant('cut-without-leave', 'cut.c', 'names below a denied one are denied though that is off',
           ('!context->snapshot->config.cache_nxdomain_cut ||',
            '(!context->snapshot->config.cache_nxdomain_cut && !MUTANT) ||')),
]

# -- questions under way, alone and with other workers ---------------------------------------------

QUESTIONS = [
    mutant('type-not-in-key', 'wire/key.c', 'who asks for one type waits for another',
           ('spread(key->name_hash + type);', 'spread(key->name_hash + (MUTANT ? 0 : type));'),
           ('a->type == b->type &&', '(MUTANT || a->type == b->type) &&')),
    mutant('do-not-in-key', 'wire/key.c', 'who wants signatures waits with who does not',
           ('(uint8_t)(key->dnssec_ok << 1', '(uint8_t)((key->dnssec_ok && !MUTANT) << 1'),
           ('a->dnssec_ok == b->dnssec_ok &&', '(MUTANT || a->dnssec_ok == b->dnssec_ok) &&')),
    mutant('cd-not-in-key', 'wire/key.c', 'who wants no validation waits with who does',
           ('| key->checking_disabled);', '| (key->checking_disabled && !MUTANT));'),
           ('a->checking_disabled == b->checking_disabled &&',
            '(MUTANT || a->checking_disabled == b->checking_disabled) &&')),
    mutant('hash-is-enough', 'inflight.c', 'questions are one where a few bits of their hashes are',
           ('if (rd_key_equal(&question->key, key) && !question->outdated)',
            'if ((MUTANT ? ((question->key.hash ^ key->hash) & 0xfff) == 0'
            ' : rd_key_equal(&question->key, key)) && !question->outdated)')),
    mutant('outdated-joined', 'follow.c', 'who asks after a flush waits with who asked before',
           ('if (!question || question->flushes == flushes)',
            'if (!question || question->flushes == flushes || MUTANT)')),
    mutant('outdated-letter-believed', 'follow.c', 'what was asked before a flush is told after it',
           ('|| letter->flushes < question->flushes)',
            '|| (letter->flushes < question->flushes && !MUTANT))')),
    mutant('followers-not-told', 'follow.c', 'workers that follow get no letter and never look',
           ('    tell(context, question, LETTER_REPLY, RD_EDE_NONE, data, len);',
            '    if (!MUTANT) tell(context, question, LETTER_REPLY, RD_EDE_NONE, data, len);'),
           ('attempt_arm(context, question, context->now_ns + LOOK_NS);',
            'attempt_arm(context, question, MUTANT ? RD_NEVER : context->now_ns + LOOK_NS);')),
    mutant('claim-not-asked-for', 'follow.c', 'each worker asks as if it were alone',
           ('    if (!context->exchange)\n        return FOLLOW_LEAD;',
            '    if (!context->exchange || MUTANT)\n        return FOLLOW_LEAD;')),
    mutant('claim-not-released', 'follow.c', 'a question that was sent twice is led for ever',
           ('    if (question->claimed)\n        exchange_release(',
            '    if (question->claimed && !(MUTANT && question->n_attempts > 1))\n'
            '        exchange_release(')),
    mutant('refresh-asked-again', 'ask.c', 'each late hit asks, whether or not one does already',
           ('inflight_find(&context->inflight, key) || !recall_wants_refresh(',
            '(inflight_find(&context->inflight, key) && !MUTANT) || !recall_wants_refresh(')),
    mutant('attempts-without-limit', 'pool.c', 'one server is asked the same again and again',
           ('return alike < RD_ATTEMPTS_PER_SERVER ? attempts : -1;',
            'return alike < RD_ATTEMPTS_PER_SERVER || MUTANT ? attempts : -1;')),
    mutant('patience-without-end', 'ask.c', 'who waits is kept for a minute',
           ('context->now_ns + ATTEMPT_PATIENCE_NS;',
            'context->now_ns + (MUTANT ? 60 * RD_NS_PER_S : ATTEMPT_PATIENCE_NS);')),
    mutant('down-for-ever', 'fleet.c', 'a server that is down is never heard again',
           ('    return take_turn(&fleet->servers[number].next_hope_ns,',
            '    return !MUTANT && take_turn(&fleet->servers[number].next_hope_ns,'),
           ('    return take_turn(&fleet->servers[number].next_probe_ns,',
            '    return !(MUTANT && LOAD(fleet->servers[number].state) == RD_SERVER_DOWN) &&'
            ' take_turn(&fleet->servers[number].next_probe_ns,')),
    mutant('route-not-looked-up', 'query.c', 'all names go to one pool',
           ('snapshot->views[route.pool];', 'snapshot->views[MUTANT ? 0 : route.pool];')),
]

# -- buffers and books -----------------------------------------------------------------------------

BOOKS = [
    mutant('buffer-dropped-twice', 'reply.c', 'the buffer of a failure is given back twice',
           ('        rd_stat_inc(&context->stats->upstream_failover);\n'
            '        context_drop(context, msg);',
            '        rd_stat_inc(&context->stats->upstream_failover);\n'
            '        context_drop(context, msg);'
            ' if (MUTANT) context_drop(context, msg);')),
    mutant('repetition-leaks', 'query.c', 'the buffer of a repeated query is not given back',
           ('    rd_stat_inc(counter);\n    context_drop(context, query->msg);',
            '    rd_stat_inc(counter);\n'
            '    if (!MUTANT || counter != &context->stats->queries_dropped_repeat)'
            ' context_drop(context, query->msg);')),
    mutant('reply-buffer-leaked', 'reply.c', 'the buffer of a reply to nobody is not given back',
           ('            context_drop(context, &msgs[i]);',
            '            if (!MUTANT) context_drop(context, &msgs[i]);')),
    mutant('nxdomain-not-counted', 'answer.c', 'one counter stands for another',
           ('        return &stats->answers_nxdomain;',
            '        return MUTANT ? &stats->answers_other : &stats->answers_nxdomain;')),
    mutant('late-reply-not-counted', 'reply.c', 'a counter is forgotten',
           ('    rd_stat_inc(&context->stats->replies_late);',
            '    rd_stat_add(&context->stats->replies_late, !MUTANT);')),
]

# -- bugs that were there, until a storm found them ------------------------------------------------

ONCE = [
    mutant('failure-told-in-part', 'reply.c', 'a failure by TCP is passed on although it is cut',
           ('!(wire->flags & RD_DNS_TC);', '(!(wire->flags & RD_DNS_TC) || MUTANT);')),
    mutant('fresh-given-as-stale', 'recall.c', 'who waits for a refresh gets a new answer as stale',
           ('if (is_fresh(context, &entry)) /* that',
            'if (is_fresh(context, &entry) && !MUTANT) /* that')),
    mutant('gauge-left-behind', 'upstream.c', 'by TCP alone, what is outstanding stays as it was',
           ('upstream->restless |= server->outstanding > 0;',
            'upstream->restless |= server->outstanding > 0 && !MUTANT;')),
    mutant('guessed-port-waits-on', 'attempt.c', 'where there is no TCP, a guesser may go on',
           ('            attempt_other_way(context, question, wait.attempt, ATTEMPT_ELSEWHERE);',
            '            if (!MUTANT) attempt_other_way(context, question, wait.attempt,'
            ' ATTEMPT_ELSEWHERE);')),
    mutant('port-closed-before-sending', 'attempt.c', 'a port closes with its message in the batch',
           ('    if (attempt->sent_ns == context->now_ns)',
            '    if (attempt->sent_ns == context->now_ns && !MUTANT)')),
]

# -- where entries lie, and what becomes of old ones -----------------------------------------------

STORE = [
    mutant('last-word-overwritten', 'cache/log.c', 'an entry begins in the last word of another',
           ('    log_fill(log, segment, log_filled(log, segment) + words);',
            '    log_fill(log, segment, log_filled(log, segment) + words - MUTANT);')),
    mutant('segment-overflows', 'cache/log.c', 'the last entry of a segment ends in the next one',
           ('log_filled(log, segment) + words > log->segment_words)',
            'log_filled(log, segment) + words > log->segment_words + (MUTANT ? 16 : 0))')),
    mutant('survivor-cut', 'cache/reclaim.c', 'what moves to MAIN loses its end',
           ('    for (uint32_t i = 0; i < words; i++)\n        entry_put(',
            '    for (uint32_t i = 0; i < words - (MUTANT ? 2 : 0); i++)\n        entry_put(')),
    mutant('tag-of-another', 'cache/table.c', 'what moves gets the tag of its bucket\'s first slot',
           ('place_set(place, (uint16_t)(tags >> place->slot % 4 * 16), ref);',
            'place_set(place, (uint16_t)(tags >> (MUTANT ? 0 : place->slot % 4) * 16), ref);')),
    mutant('one-key-twice', 'cache/table.c', 'a new answer leaves the old one where it is',
           ('    if (choice.n_same)\n        *ret_place',
            '    if (choice.n_same && !MUTANT)\n        *ret_place')),
    mutant('flush-leaves-variants', 'cache/walk.c', 'a flush of a name takes half of its answers',
           ('    if (keys->next == keys->n * 4)',
            '    if (keys->next == keys->n * (MUTANT ? 2 : 4))')),
    mutant('loaded-as-if-new', 'cache/load.c', 'what is put in from a file may live for a day more',
           ('        .lifetime_s = record->lifetime_s,',
            '        .lifetime_s = record->lifetime_s + (MUTANT ? 86400 : 0),')),
    mutant('stale-at-once', 'recall.c', 'stale answers are given before anybody is asked',
           ('context->snapshot->config.cache_stale_mode == RD_STALE_IMMEDIATE &&',
            '(context->snapshot->config.cache_stale_mode == RD_STALE_IMMEDIATE || MUTANT) &&')),
    mutant('never-refreshed', 'ask.c', 'what is about to end is not fetched anew',
           ('    if (context->now_ns < context->refresh_ns || context->stopping ||',
            '    if (MUTANT || context->now_ns < context->refresh_ns || context->stopping ||')),
    mutant('cut-for-validators', 'cut.c', 'who wants signatures gets a denial without them',
           ('!context->cache || key->dnssec_ok)',
            '!context->cache || (key->dnssec_ok && !MUTANT))')),
]

# -- letters, connections and links ----------------------------------------------------------------

STREAMS = [
    mutant('letter-to-oneself', 'follow.c', 'the answer goes to the wrong worker',
           ('                          i * 64 + (unsigned)__builtin_ctzll(left), &note,',
            '                          MUTANT ? context->worker'
            ' : i * 64 + (unsigned)__builtin_ctzll(left), &note,')),
    mutant('letter-not-returned', 'follow.c', 'letters are not given back',
           ('        exchange_return(letter);', '        if (!MUTANT) exchange_return(letter);')),
    mutant('large-letter-cut', 'exchange.c', 'large answers lose their end on the way',
           ('    letter->len = len;',
            '    letter->len = MUTANT && large ? RD_LETTER_BYTES : len;')),
    mutant('prefix-cap-ignored', 'connection.c', 'a prefix may take all connections',
           ('if (!prefix || prefix->n < context->snapshot->config.tcp_per_prefix)',
            'if (!prefix || MUTANT || prefix->n < context->snapshot->config.tcp_per_prefix)')),
    mutant('idle-client-stays', 'connection.c', 'idle connections of clients are not closed',
           ('return connection->idle ? connection->idle_ns +',
            'return connection->idle && !MUTANT ? connection->idle_ns +')),
    mutant('idle-link-stays', 'link.c', 'idle links to servers are not closed',
           ('    if (!link->connected || link->n_waits == 0)\n        end_link',
            '    if (!link->connected || (link->n_waits == 0 && !MUTANT))\n        end_link')),
    mutant('links-without-limit', 'link.c', 'a worker makes as many links as it likes',
           ('    if (server->n_links >= config->tcp_per_worker)',
            '    if (server->n_links >= config->tcp_per_worker + (MUTANT ? 1 : 0))')),
    mutant('link-silent-for-ever', 'link.c', 'a connection to a server may take for ever',
           ('link_at(&context->links, index)->timer,\n                 context->now_ns +'
            ' CONNECT_NS',
            'link_at(&context->links, index)->timer,\n'
            '                 context->now_ns + (MUTANT ? 3600 * RD_NS_PER_S : CONNECT_NS)')),
]

# -- servers: which, by which port, and how well they are ------------------------------------------

SERVERS = [
    mutant('port-asked-again', 'upstream.c', 'what is sent again leaves from the same port',
           ('        if (used[i] == handle)', '        if (used[i] == handle && !MUTANT)')),
    mutant('port-grows-old', 'upstream.c', 'a port that is asked from seldom stays',
           ('opened_ns >= PORT_LIFE_NS)', 'opened_ns >= (MUTANT ? 100 : 1) * PORT_LIFE_NS)')),
    mutant('one-port-for-all', 'upstream.c', 'a server is asked from one port while that lives',
           ('        return server->pool[rd_random_below(upstream->random, server->n_ports)];',
            '        return server->pool[MUTANT ? 0'
            ' : rd_random_below(upstream->random, server->n_ports)];')),
    mutant('late-not-taken-back', 'attempt.c', 'what was late is late for ever',
           ('        return;\n    context->upstream.servers[attempt->server].late -= ',
            '        return;\n    context->upstream.servers[attempt->server].late -= !MUTANT &&')),
    mutant('order-ignored', 'pool.c', 'in an ordered pool the last server is the first',
           ('        return first_of(places);\n    if (pool->policy == RD_POLICY_FASTEST)',
            '        return MUTANT ? 31 - __builtin_clz(places) : first_of(places);\n'
            '    if (pool->policy == RD_POLICY_FASTEST)')),
    mutant('hash-ignored', 'pool.c', 'one name is asked of many servers, whatever the policy',
           ('    return pick_by_hash(pool, &question->key.name, places);',
            '    return MUTANT ? draw_by_weight(context, pool, places)'
            ' : pick_by_hash(pool, &question->key.name, places);')),
    mutant('probe-never-asks', 'probe.c', 'servers that are suspect are never probed',
           ('    if (context->stopping || !fleet_probe(',
            '    if (MUTANT || context->stopping || !fleet_probe(')),
    mutant('probe-too-often', 'fleet.c', 'servers are probed at every opportunity',
           ('    return due_ns <= now_ns &&', '    return (MUTANT || due_ns <= now_ns) &&')),
    mutant('cookie-of-another', 'attempt.c', 'each server gets the cookie of the first one',
           ('&context->upstream.servers[order->server].cookie,',
            '&context->upstream.servers[MUTANT ? 0 : order->server].cookie,')),
    mutant('configuration-not-taken', 'worker.c', 'a worker keeps the configuration it began with',
           ('    if (newest == context->snapshot)',
            '    if (newest == context->snapshot || (MUTANT && context->snapshot))')),
    mutant('lost-at-stop', 'worker.c', 'who waits when it stops gets no time',
           ('           (rd_slab_used(&context->inflight.waiters) > 0 &&',
            '           (!MUTANT && rd_slab_used(&context->inflight.waiters) > 0 &&')),
    mutant('abandoned-at-stop', 'worker.c', 'who waits when it stops gets nothing',
           ('    abandon(context);', '    if (!MUTANT) abandon(context);')),
    mutant('one-event-a-turn', 'worker.c', 'events wait for the next turn',
           ('    while (context->io->ops->events(context->io, &event, 1) == 1) {',
            '    for (bool one = true; one && context->io->ops->events(context->io, &event, 1)'
            ' == 1;'
            ' one = !MUTANT) {')),
    mutant('letters-after-stop', 'worker.c', 'a worker that stops takes no letters',
           ('    follow_letters(context);',
            '    if (!MUTANT || !context->stopping) follow_letters(context);')),
]
