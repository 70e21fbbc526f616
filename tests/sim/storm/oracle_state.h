/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_state.h - what the oracle keeps in mind; for its own files.
 *
 * A SUBJECT is a name and a type. Upstreams have SAID something of it, each worker asks it for its
 * clients on a SIDE of its own, by ASKS. Clients' queries that no answer can tell apart are a GROUP
 * of COPIES. Names are told apart by 64 bits of hash and compared in full where that is cheap.
 * What came first is known by events, which are counted; times are for TTLs and patience.
 */
#ifndef RINGDNS_TESTS_STORM_ORACLE_STATE_H
#define RINGDNS_TESTS_STORM_ORACLE_STATE_H

#include <inttypes.h>

#include "sim/storm/oracle.h"
#include "sim/storm/oracle_table.h"
#include "sim/storm/reading.h"

/* A query has its answer by then, whatever happens: 4 s, and a worker that was held. */
#define ORACLE_PATIENCE_NS (10 * RD_NS_PER_S)
/* What is so old matters no more: a group without new copies, an ask. */
#define ORACLE_MEMORY_NS (30 * RD_NS_PER_S)
/* For so long a failure may be told of again (RFC 9520: 300 s), and what led to it. */
#define ORACLE_FAILURE_NS (310 * RD_NS_PER_S)

#define ORACLE_SERVERS (2 * STORM_MAX_SERVERS)
#define ORACLE_VIEWS   4 /* DO and CD */
#define ORACLE_EDES    4 /* of an upstream, that are passed on */

#define FLAG_QR     0x8000u
#define FLAG_OPCODE 0x7800u
#define FLAG_AA     0x0400u
#define FLAG_TC     0x0200u
#define FLAG_RD     0x0100u
#define FLAG_RA     0x0080u
#define FLAG_AD     0x0020u
#define FLAG_CD     0x0010u
#define FLAG_RCODE  0x000fu

struct said_record {
    uint64_t head, whole; /* as in struct reading_record */
    uint32_t ttl;         /* clamped */
    uint16_t type;
    uint8_t section;
};

/* What a reply says of its question, and nothing that does not belong to it. */
struct said {
    struct said *next; /* an older one */
    const struct subject *subject;
    uint64_t taken_ns, event; /* by the workers' clock */
    size_t unflushed;         /* the flushes before this one, by number, do not matter */
    bool flushed;             /* that one does */
    uint8_t view, rcode;
    bool forged, lucky;
    bool ad;
    bool kept;    /* it may be given from memory */
    bool of_name; /* there is no such name, whatever the type */
    bool odd;     /* of a kind that is judged more loosely: any part of it may be given */
    uint32_t lifetime_s, least_lifetime_s; /* the latter with all jitter taken off */
    uint32_t bytes[2];                     /* the most it can take: without additional, with it */
    unsigned n_edes;
    uint16_t edes[ORACLE_EDES];
    unsigned n, count[3];
    struct said_record at[];
};

#define SIDE_ASKS 8 /* that are kept in mind; more than RD_ATTEMPTS */

/* A worker's clients of a subject, and what it asks for them. */
struct side {
    struct side *next;
    uint8_t worker, view;
    struct link waiting; /* copies without an answer, the oldest first */
    unsigned n_waiting;
    struct {
        uint64_t event;
        uint32_t port;
        uint8_t server;
        bool tcp;
    } asks[SIDE_ASKS]; /* the last ones */
    unsigned n_asks;
    uint64_t asked_ns; /* the last time */
    uint16_t id;       /* of the client who came last */
};

struct subject {
    struct node node;
    struct said *said;
    unsigned n_said, sweep_at; /* how many; with so many, the old ones are forgotten */
    struct side *sides;
    uint64_t trouble_ns; /* something was wrong with it until then; 0: never */
    uint16_t type;       /* 0: the name, whatever the type */
    uint8_t server;      /* that was asked first, from 1; 0: not known */
    uint8_t len;
    uint8_t name[255];
};

/* How a query must be answered. */
enum fate {
    FATE_NOTIMP,   /* by the header alone */
    FATE_UNREAD,   /* FORMERR, the same */
    FATE_FORMERR,  /* with its question */
    FATE_REFUSED,  /* whatever it asks */
    FATE_BADVERS,  /* the same */
    FATE_IDENTITY, /* by what the forwarder says of itself, or not at all */
    FATE_MEMORY,   /* from memory alone, or not at all: RD=0 */
    FATE_PROBE,    /* a probe's name: refused if it is our own */
    FATE_FORWARD,
};

struct copy {
    struct copy *next; /* an older one */
    uint64_t taken_ns, event, spelled;
    size_t flushes;
    struct side *side;   /* where it waits; NULL: it does not */
    struct link waiting; /* there */
    uint64_t reloads, lost;
    uint16_t flags, payload;
    uint8_t fate, view, worker;
    bool answered, edns, dnssec_ok, nsid, keepalive;
    bool local; /* may be answered without any upstream */
};

struct stream {
    struct node node;
    struct link groups;
    uint32_t handle;
    uint8_t worker;
};

struct group {
    struct node node;
    struct link aging;       /* among all, by the last copy */
    struct link waiting;     /* among those that must get an answer, by since_ns */
    struct link stream;      /* of TCP */
    struct subject *subject; /* NULL: of queries that cannot be read */
    union rd_address peer;
    uint32_t way;
    uint16_t id, class;
    uint8_t via, worker;
    uint64_t last_ns, since_ns, lost;
    struct copy *copies;
};

struct asked {
    struct node node;
    struct link aging;
    struct subject *subject; /* NULL: a probe that nobody else can know */
    uint64_t asked_ns, spelled;
    size_t flushes;
    uint32_t port;
    uint16_t id;
    uint8_t worker, origin, view;
    uint32_t wrong_ids; /* how many had come to its port before */
    bool over;          /* a reply to it has counted */
    bool lower, cookie;
    uint8_t client_cookie[8];
};

/* What was asked from a port, while it was the one of that number. */
struct port_life {
    uint32_t number, asked;
};

/* What a worker has drawn for a server. */
struct draws {
    uint32_t port;
    unsigned same_ports; /* in a row */
    uint8_t cookie[8];
};

struct flush {
    uint8_t name[255];
    uint8_t len; /* 0: everything */
    bool suffix;
};

/* Why nothing that was said would do: the one that came nearest. */
enum nearness {
    NEAR_NOTHING,
    NEAR_RCODE, /* it has another RCODE */
    NEAR_RECORDS,
    NEAR_PART, /* all that is there is right, but something is missing */
    NEAR_FORGED,
    NEAR_FLUSHED,
    NEAR_TIME,
    NEAR_FLAGS,
    NEAR_TOLD, /* told by WHY */
};

struct oracle {
    struct oracle_rules rules;
    struct oracle_counts counts;
    uint64_t due; /* queries that may be answered */
    uint64_t event, reloads;
    struct table subjects, groups, asks, streams;
    struct link groups_aging, groups_waiting, asks_aging;
    struct reading reading;
    struct flush *flushes;
    size_t n_flushes, flushes_room;
    uint64_t changed_ns;                    /* the last flush or reload; 0: none */
    bool randomizes;                        /* a pool does, in the configuration that holds */
    uint64_t trouble_ns;                    /* with everything, until then; 0: never */
    uint64_t shortages, shortage_ns;        /* of workers' tables, and when more were seen */
    uint64_t pending_full, pending_full_ns; /* the same */
    uint32_t *wrong_ids[STORM_MAX_WORKERS]; /* by port: replies with an ID that nobody asked by */
    struct port_life *ports[STORM_MAX_WORKERS];
    struct draws draws[STORM_MAX_WORKERS][ORACLE_SERVERS];
    unsigned lower_ends[2]; /* of each pool's names, in a row */
    bool without_edns;      /* a server has said that it knows no EDNS */
    unsigned same_ids;      /* asks in a row that have their client's ID */
    enum nearness near;
    const struct said *near_said;
    char why[200];
};

/* oracle.c */
struct subject *oracle_subject(struct oracle *oracle, const uint8_t *name, size_t len,
                               uint16_t type, bool create);
/* The subject that READING's question is of. */
struct subject *oracle_subject_of(struct oracle *oracle, const struct reading *reading,
                                  bool create);
struct side *oracle_side(struct subject *subject, unsigned worker, unsigned view);
uint64_t oracle_clock(const struct oracle *oracle);
static inline uint64_t oracle_now(const struct oracle *oracle)
{
    return oracle->rules.storm->sim->now_ns;
}
/* Answers that the workers lost for want of buffers. */
uint64_t oracle_lost(const struct oracle *oracle);
/* Whether workers ran short of something a moment ago, so that clients may be told. */
bool oracle_was_short(struct oracle *oracle);
/* Whether FLUSH is of SUBJECT's name. */
bool oracle_flush_covers(const struct flush *flush, const struct subject *subject);
/* Notes, for a report that may come, why an answer would not do. Always false. */
bool oracle_wrong(struct oracle *oracle, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A rule is broken. WHO: "worker 1 asks", ... */
void oracle_report(struct oracle *oracle, const char *who, const struct subject *subject,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* oracle_query.c */
struct group *oracle_group(struct oracle *oracle, unsigned worker, const struct io_path *path,
                           uint16_t id, const struct subject *subject, uint16_t class);
/* COPY of GROUP has its answer. */
void oracle_answered(struct group *group, struct copy *copy);
/* Forgets what is old, and says who has waited too long. */
void oracle_age(struct oracle *oracle);
void oracle_complain(struct oracle *oracle, const struct group *group, const char *why);

/* oracle_match.c */
enum match { MATCH_NONE, MATCH_FRESH, MATCH_STALE };
/* Whether the answer that was read says what COPY of SUBJECT may be told, and nothing else. ROOM:
 * bytes for all but our OPT. */
enum match oracle_match(struct oracle *oracle, const struct subject *subject,
                        const struct copy *copy, uint32_t room, bool *ret_lucky);
/* Whether it is SERVFAIL as an upstream has said it. */
bool oracle_match_failure(struct oracle *oracle, const struct subject *subject,
                          const struct copy *copy, uint32_t room);
/* Of the nearest one, for people. */
void oracle_match_tell(const struct oracle *oracle, char *text, size_t bytes);

/* oracle_reply.c */
/* What was read is asked by MSG: in the place of whatever had its port and ID. */
struct asked *oracle_ask_new(struct oracle *oracle, unsigned worker, const struct io_message *msg);

/* oracle_ask.c */
/* Whether more may be asked for the client who waits longest for what ASK asked. */
bool oracle_may_ask_more(const struct oracle *oracle, const struct asked *ask);

/* oracle_choice.c */
/* Why TO is not the server that SIDE of SUBJECT begins with; NULL: it may be. */
const char *oracle_choice(struct oracle *oracle, struct subject *subject, const struct side *side,
                          const union rd_address *to);
/* Whether what is drawn at random is always the same; each notes what was drawn. */
bool oracle_port_repeats(struct oracle *oracle, unsigned worker, unsigned server, uint32_t port);
bool oracle_end_repeats(struct oracle *oracle, unsigned pool);
bool oracle_cookie_repeats(struct oracle *oracle, unsigned worker, unsigned server,
                           const uint8_t *cookie);

/* oracle_local.c */
/* Whether the answer that was read may be given of a local name. */
bool oracle_match_local(struct oracle *oracle, unsigned rcode);

/* oracle_said.c */
/* What the reply that was read says of SUBJECT; NULL: nothing that could be given. */
struct said *oracle_said_new(struct oracle *oracle, const struct subject *subject, size_t len);

#endif
