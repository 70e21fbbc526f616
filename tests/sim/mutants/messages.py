# SPDX-License-Identifier: BSD-2-Clause
"""Mutants of what is read, believed and said."""

from mutant import mutant

# -- replies: whose they are, and what they are ---------------------------------------------------

REPLIES = [
    mutant('id-not-compared', 'upstream.c', 'a reply is for the first that waits at its port',
           ('    const struct upstream_port *port = &upstream->ports[handle];\n'
            '    int i = find_id(port, 0, port->n_waits, id);',
            '    const struct upstream_port *port = &upstream->ports[handle];\n'
            '    int i = MUTANT && port->n_waits ? 0 : find_id(port, 0, port->n_waits, id);')),
    mutant('name-not-compared', 'reply.c', 'a reply about a neighbour in the same zone will do',
           ('rd_name_matches(&question->key.name, msg->data + RD_DNS_HEADER_BYTES);',
            '(rd_name_matches(&question->key.name, msg->data + RD_DNS_HEADER_BYTES) || (MUTANT &&'
            ' msg->data[RD_DNS_HEADER_BYTES] == question->key.name.bytes[0] &&'
            ' memcmp(msg->data + RD_DNS_HEADER_BYTES + 1 + question->key.name.bytes[0],'
            ' question->key.name.bytes + 1 + question->key.name.bytes[0],'
            ' question->key.name.len - 1u - question->key.name.bytes[0]) == 0));')),
    mutant('type-not-compared', 'reply.c', 'a reply about another type will do',
           ('wire->qtype == question->key.type &&',
            '(MUTANT || wire->qtype == question->key.type) &&')),
    mutant('spelling-not-compared', 'reply.c', 'a reply in another spelling will do',
           ('!compose_spelled(&question->key, attempt, msg->data + RD_DNS_HEADER_BYTES))',
            '!MUTANT && !compose_spelled(&question->key, attempt,'
            ' msg->data + RD_DNS_HEADER_BYTES))')),
    mutant('cookie-not-compared', 'reply.c', 'a reply without our cookie will do',
           ('if (attempt->cookie && !take_cookie(context, attempt, msg, wire) && udp)',
            'if (attempt->cookie && !take_cookie(context, attempt, msg, wire) && udp && !MUTANT)')),
    mutant('truncated-is-answer', 'reply.c', 'a reply with TC is an answer like any other',
           ('if (udp && wire->flags & RD_DNS_TC)',
            'if (udp && wire->flags & RD_DNS_TC && !MUTANT)'),
           ('    if (wire->flags & RD_DNS_TC)\n        return attempt->tcp',
            '    if (wire->flags & RD_DNS_TC && !MUTANT)\n        return attempt->tcp')),
    mutant('wrong-ids-ignored', 'upstream.c', 'however many IDs are wrong, UDP is trusted',
           ('if (++port->wrong < RD_WRONG_IDS)', 'if (++port->wrong < RD_WRONG_IDS || MUTANT)')),
    mutant('late-port-waits-on', 'attempt.c', 'a port still waits for a question that is over',
           ('    for (unsigned i = 0; i < question->n_attempts; i++)\n'
            '        release(context, question, i);',
            '    for (unsigned i = 0; i < question->n_attempts; i++)\n'
            '        if (!MUTANT || question->attempts[i].outcome != ATTEMPT_LATE)'
            ' release(context, question, i);')),
    mutant('referral-is-answer', 'reply.c', 'where to ask instead is told to clients',
           ('return is_referral(wire) ? FAILURE', 'return is_referral(wire) && !MUTANT ? FAILURE')),
    mutant('port-not-closed', 'upstream.c', 'a port that has asked enough stays open',
           ('    port->retired = true;\n    if (port->n_waits == 0)',
            '    port->retired = true;\n    if (port->n_waits == 0 && !MUTANT)'),
           ('if (port->retired && port->n_waits == 0)',
            'if (port->retired && port->n_waits == 0 && !MUTANT)')),
    mutant('outstanding-leaks', 'upstream.c', 'what a server has answered still fills its cap',
           ('    upstream->servers[port->server].outstanding--;',
            '    upstream->servers[port->server].outstanding -= !MUTANT;')),
]

# -- what a reply says, and how long ---------------------------------------------------------------

RECORDS = [
    mutant('foreign-records-kept', 'wire/rebuild.c', 'all that an answer section has is passed on',
           ('(section == RD_ANSWER && !chain_keeps(chain, i))',
            '(section == RD_ANSWER && !chain_keeps(chain, i) && !MUTANT)')),
    mutant('owner-not-compared', 'wire/chain.c', 'records of that type are kept, whoever has them',
           ('if (is_asked(wire, record.type) && packed_same(names, record.start, chain->end))',
            'if (is_asked(wire, record.type) &&'
            ' (MUTANT || packed_same(names, record.start, chain->end)))')),
    mutant('denial-without-soa-kept', 'wire/tidy.c', 'a denial needs nobody who vouches for it',
           ('if (chain->found || !denied)', 'if (chain->found || (!denied && !MUTANT))'),
           ('        tidy->least_ttl = 0;',
            '        tidy->least_ttl = MUTANT ? limits->negative_ttl : 0;')),
    mutant('minimum-ignored', 'wire/tidy.c', 'a denial lives as long as its SOA',
           ('rd_get_u32(data + record.end - MINIMUM_BYTES));',
            'MUTANT ? ttl : rd_get_u32(data + record.end - MINIMUM_BYTES));')),
    mutant('negative-ttl-ignored', 'wire/tidy.c', 'a denial lives as long as its zone likes',
           ('least_of(least_of(ttl, limits->negative_ttl),',
            'least_of(MUTANT ? ttl : least_of(ttl, limits->negative_ttl),')),
    mutant('max-ttl-ignored', 'wire/tidy.c', 'a record lives as long as its zone likes',
           ('limits->max_ttl : least_of(ttl, limits->max_ttl);',
            'limits->max_ttl : MUTANT ? ttl : least_of(ttl, limits->max_ttl);')),
    mutant('lifetime-of-last-record', 'wire/tidy.c', 'an answer lives as long as its last record',
           ('tidy->least_ttl = least_of(tidy->least_ttl, ttl);',
            'tidy->least_ttl = MUTANT ? ttl : least_of(tidy->least_ttl, ttl);')),
    mutant('jitter-lengthens', 'keep.c', 'some answers live longer than they may, not shorter',
           ('return ttl - rd_random_below(&context->random, (uint32_t)most + 1);',
            'return ttl + (MUTANT ? 1 : -1u) *'
            ' rd_random_below(&context->random, (uint32_t)most + 1);')),
    mutant('no-data-kept-for-name', 'keep.c', 'a name without such records is a name without any',
           ('tidy->finding == RD_FINDS_NO_NAME &&',
            '(tidy->finding == RD_FINDS_NO_NAME ||'
            ' (MUTANT && tidy->finding == RD_FINDS_NO_DATA)) &&')),
    mutant('alias-is-denied', 'keep.c', 'an alias of a name that does not exist does not exist',
           ('!tidy->behind_alias;', '(MUTANT || !tidy->behind_alias);')),
    mutant('failure-kept-for-hours', 'keep.c', 'a failure is remembered for a day',
           ('.lifetime_s = backoff(question->failures),',
            '.lifetime_s = MUTANT ? 86400 : backoff(question->failures),')),
]

# -- clients: who waits, and what each gets --------------------------------------------------------

CLIENTS = [
    mutant('waiter-told-twice', 'settle.c', 'who waited with others gets the answer twice',
           ('            answer_reply(context, &source, &client, &other);',
            '            answer_reply(context, &source, &client, &other);'
            ' if (MUTANT && context_alloc(context, bytes, &other))'
            ' answer_reply(context, &source, &client, &other);')),
    mutant('waiter-forgotten', 'settle.c', 'of those whose question failed one is told',
           ('} else if (context_alloc(context, (uint32_t)context->snapshot->config.max_answer, &',
            '} else if (MUTANT && question->n_waiters > 0) {'
            '} else if (context_alloc(context, (uint32_t)context->snapshot->config.max_answer, &')),
    mutant('waiter-never-leaves', 'inflight.c', 'the place of one who waited stays taken',
           ('    rd_slab_give(&inflight->waiters, index);',
            '    if (!MUTANT) rd_slab_give(&inflight->waiters, index);')),
    mutant('repetition-is-error', 'query.c', 'who repeats himself gets an error',
           ('        return dropped(context, query, &stats->queries_dropped_repeat);',
            '        return MUTANT'
            ' ? failed(context, query, RD_EDE_NOT_READY, &stats->failed_waiters)'
            ' : dropped(context, query, &stats->queries_dropped_repeat);')),
    mutant('response-answered', 'query.c', 'a response is answered as if it were a query',
           ('    if (wire->flags & RD_DNS_QR)', '    if (wire->flags & RD_DNS_QR && !MUTANT)')),
    mutant('tcp-past-the-list', 'query.c', 'by TCP anybody may ask',
           ('if (!rd_acl_allows(&context->snapshot->access, &query->client.path.peer)) {',
            'if (!(MUTANT && query->client.path.via == IO_TCP) &&'
            ' !rd_acl_allows(&context->snapshot->access, &query->client.path.peer)) {')),
    mutant('opt-for-everybody', 'query.c', 'who knows no EDNS gets an OPT all the same',
           ('client->edns = edns->present;', 'client->edns = edns->present || MUTANT;')),
    mutant('id-not-put-back', 'answer.c', 'an answer from the cache has the ID of the first answer',
           ('    rd_put_u16(data, client->id);\n    rd_put_u16(data + 2,\n',
            '    if (!MUTANT) rd_put_u16(data, client->id);\n    rd_put_u16(data + 2,\n')),
    mutant('spelling-not-put-back', 'answer.c', 'an answer from the cache is spelled as we like',
           ('    rd_name_spell(question->name, &client->spelling, name);\n    writer =',
            '    if (!MUTANT) rd_name_spell(question->name, &client->spelling, name);\n'
            '    writer =')),
    mutant('ad-without-trust', 'answer.c', 'AD is passed on, whoever says so',
           ('bool told = trust_ad &&', 'bool told = (trust_ad || MUTANT) &&')),
    mutant('tcp-answer-cut', 'answer.c', 'an answer by TCP is cut as if it went by UDP',
           ('    if (client->path.via == IO_TCP)\n        return cap <',
            '    if (client->path.via == IO_TCP && !MUTANT)\n        return cap <')),
    mutant('larger-than-wanted', 'answer.c', 'an answer is as large as we may send',
           ('if (limit > context->snapshot->config.max_answer)',
            'if (limit > context->snapshot->config.max_answer || MUTANT)')),
    mutant('connection-never-idle', 'answer.c', 'by TCP a query is under way for ever',
           ('    if (client->path.via == IO_TCP)\n        connection_end(',
            '    if (client->path.via == IO_TCP && !MUTANT)\n        connection_end(')),
    mutant('connection-generation-ignored', 'connection_table.c',
           'what was asked on a connection ends on the one that took its place',
           ('connection->open && connection->stream == stream ?',
            'connection->open && (MUTANT || connection->stream == stream) ?')),
]

# -- what an answer has beside its records ---------------------------------------------------------

FORM = [
    mutant('errors-not-passed-on', 'answer.c', 'what a server says of its failure is dropped',
           ('    ret_errors->n = edns->present ? edns->n_ede : 0;',
            '    ret_errors->n = edns->present && !MUTANT ? edns->n_ede : 0;')),
    mutant('nsid-cut', 'answer.c', 'NSID is cut by a byte',
           ('RD_OPTION_NSID, config->nsid, context->snapshot->nsid_len);',
            'RD_OPTION_NSID, config->nsid, context->snapshot->nsid_len - (MUTANT ? 1u : 0u));')),
    mutant('nsid-not-given', 'answer.c', 'nobody gets NSID',
           ('    if (client->nsid && context->snapshot->nsid_len > 0)',
            '    if (client->nsid && context->snapshot->nsid_len > 0 && !MUTANT)')),
    mutant('keepalive-in-seconds', 'connection.c', 'keepalive has another unit',
           ('context->snapshot->config.tcp_idle / 100;',
            'context->snapshot->config.tcp_idle / (MUTANT ? 1000 : 100);')),
    mutant('keepalive-by-udp', 'query.c', 'keepalive is given by UDP, too',
           ('edns->keepalive && client->path.via == IO_TCP;',
            'edns->keepalive && (client->path.via == IO_TCP || MUTANT);')),
    mutant('cd-not-repeated', 'answer.c', 'CD is cleared',
           ('(client->flags & (RD_DNS_RD | RD_DNS_CD))',
            '(client->flags & (RD_DNS_RD | (MUTANT ? 0 : RD_DNS_CD)))')),
    mutant('ad-not-asked-for', 'compose.c', 'servers are not asked whether they have validated',
           ('    if (!key->dnssec_ok)\n        flags |= RD_DNS_AD;',
            '    if (!key->dnssec_ok && !MUTANT)\n        flags |= RD_DNS_AD;')),
    mutant('spelling-half', 'compose.c', 'of long names the end is not spelled at random',
           ('seed >> (i % 32) & 1 &&', 'seed >> (i % 32) & 1 && !(MUTANT && i >= 4) &&')),
    mutant('ad-lost', 'follow.c', 'AD does not reach who followed',
           ('    question->trust_ad = letter->trust_ad;',
            '    question->trust_ad = letter->trust_ad && !MUTANT;')),
    mutant('ad-forgotten', 'keep.c', 'AD is not remembered',
           ('    entry.trust_ad = question->trust_ad;',
            '    entry.trust_ad = question->trust_ad && !MUTANT;')),
    mutant('signature-of-alias-lost', 'wire/chain.c', 'an alias loses its signature',
           ('    keep_signatures(names, wire, chain->end, RD_TYPE_CNAME, chain);',
            '    if (!MUTANT) keep_signatures(names, wire, chain->end, RD_TYPE_CNAME, chain);')),
    mutant('last-ttl-forgotten', 'wire/survey.c', 'the TTL of an additional record stays as it was',
           ('        note_ttl(&survey, record_ttl(&record));',
            '        if (!MUTANT || at < wire->end[RD_AUTHORITY])'
            ' note_ttl(&survey, record_ttl(&record));')),
    mutant('additional-not-clamped', 'wire/tidy.c', 'additional records may live for ever',
           ('        ttl = clamp(record.ttl, limits);',
            '        ttl = MUTANT && at >= wire->end[RD_AUTHORITY] ? record.ttl'
            ' : clamp(record.ttl, limits);')),
    mutant('foreign-class-kept', 'wire/rebuild.c', 'records of other classes are passed on',
           ('if (record.class != RD_CLASS_IN ||',
            'if ((record.class != RD_CLASS_IN && !MUTANT) ||')),
    mutant('last-record-lost', 'wire/rebuild.c', 'what is rebuilt loses its last record',
           ('i < old->count[section] && !rebuild->writer.full;',
            'i + (MUTANT && i > 0) < old->count[section] && !rebuild->writer.full;')),
    mutant('localhost-elsewhere', 'local.c', 'localhost is another host',
           ('v4[4] = {127, 0, 0, 1};', 'v4[4] = {127, 0, 0, 1}, other[4] = {10, 0, 0, 1};'),
           ('rd_writer_bytes(&draft->writer, v4, sizeof(v4));',
            'rd_writer_bytes(&draft->writer, MUTANT ? other : v4, sizeof(v4));')),
    mutant('apex-denied', 'local.c', 'the apex of an empty zone is denied',
           ('        if (draft->route->at == 0)\n            put_apex',
            '        if (draft->route->at == 0 && !MUTANT)\n            put_apex')),
    mutant('local-denial-bare', 'local.c', 'denials of local names have no SOA',
           ('    if (draft.count[RD_ANSWER] == 0)',
            '    if (draft.count[RD_ANSWER] == 0 && !MUTANT)')),
]
