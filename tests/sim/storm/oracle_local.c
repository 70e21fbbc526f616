/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_local.c - names that never leave, and what may be said of them. Not here: which these are
 * (oracle_query.c).
 */
#include <string.h>

#include "sim/storm/oracle_state.h"

#define LOCAL_TTL_S 10800

/* An address is that of the loopback interface. */
static bool is_loopback(const struct reading *reading, const struct reading_record *record)
{
    static const uint8_t v4[] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
    const uint8_t *rdata = reading->text + record->rdata;

    if (record->type == RD_TYPE_A)
        return record->rdata_len == sizeof(v4) && memcmp(rdata, v4, sizeof(v4)) == 0;
    if (record->type == RD_TYPE_AAAA)
        return record->rdata_len == sizeof(v6) && memcmp(rdata, v6, sizeof(v6)) == 0;
    return true;
}

/* A zone that is there, and empty, of those that clients ask for. */
static bool is_apex(const struct reading *reading)
{
    static const uint8_t ten[] = "\00210\7in-addr\4arpa";

    return reading->name_len == sizeof(ten) && memcmp(reading->text, ten, sizeof(ten)) == 0;
}

/* A zone that is empty, or the loopback addresses. */
bool oracle_match_local(struct oracle *oracle, unsigned rcode)
{
    const struct reading *reading = &oracle->reading;

    if (rcode != 0 && rcode != RD_NXDOMAIN)
        return oracle_wrong(oracle, "RCODE %u for a local name", rcode);
    for (unsigned i = 0; i < reading->n; i++) {
        const struct reading_record *record = &reading->at[i];

        if (record->ttl != LOCAL_TTL_S || !is_loopback(reading, record) ||
            (record->section != READING_ANSWER && record->type != RD_TYPE_SOA) ||
            !reading_is_below(reading->text, reading->name_len, reading->text + record->owner,
                              record->owner_len))
            return oracle_wrong(oracle, "record %u of a local name is not of its zone", i);
    }
    if (reading->n == 0 && !(reading->flags & FLAG_TC))
        return oracle_wrong(oracle, "nothing of a local name, not even that it is denied");
    if (rcode == RD_NXDOMAIN && is_apex(reading))
        return oracle_wrong(oracle, "the apex of a local zone is denied");
    return true;
}
