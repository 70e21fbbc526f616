/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim.h - a world in memory for the workers: virtual time, clients, upstreams and the network
 * between them, decided by one seed.
 *
 * What happens is a queue of datagrams and segments ordered by (time, sequence); time moves only
 * when every worker waits. The workers run on sim_io_ops (sim_io.c), a third filling of
 * fastpath/io/io.h, and are turned by sim_run_until in an order that the seed draws. One thread;
 * one world at a time. Not here: connections (conn.h); loss, delay and duplicates that no upstream
 * model scripts: whoever plays the network is asked for each datagram (struct sim_watch).
 */
#ifndef RINGDNS_TESTS_SIM_H
#define RINGDNS_TESTS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "io/io.h"
#include "ringdns/limits.h"
#include "sim/queue.h"

#define SIM_MAX_WORKERS   8
#define SIM_MAX_UPSTREAMS 32
#define SIM_START_NS      (3600 * RD_NS_PER_S)

/* Under AddressSanitizer nothing that was given back is used again, so that late uses are found. */
#if defined(__SANITIZE_ADDRESS__)
#define SIM_WATCHED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_WATCHED true
#endif
#endif
#ifndef SIM_WATCHED
#define SIM_WATCHED false
#endif

struct sim;
struct sim_conn;

/* Something that happens at its time, as everything else does. */
typedef void sim_event(struct sim *sim, void *context, uint64_t argument);

/* What a connection's ends tell each other. WINDOW: the far end has read, there is room again. */
enum sim_segment { SIM_SYN, SIM_SYN_ACK, SIM_DATA, SIM_FIN, SIM_RST, SIM_WINDOW };

/* One datagram, from where it is carried until who it is for has it. ERROR is set for an ICMP
 * message about one instead: it is for the port TO that is connected to FROM. With CONN it is a
 * segment of that connection. Memory of malloc: who takes one frees it by free. */
struct sim_datagram {
    struct sim_datagram *next; /* in a worker's socket queue */
    uint64_t due_ns;
    union rd_address from, to;
    uint32_t handle; /* in a worker's socket queue: the port, or the listener */
    uint8_t origin;  /* the same: enum io_origin */
    uint8_t segment; /* with CONN: enum sim_segment */
    bool inward;     /* with CONN: to the worker's end */
    struct sim_conn *conn;
    int error;
    uint32_t tag;      /* the world's of its making: whoever looks on knows what it means */
    sim_event *event;  /* no datagram at all: this is called when it is due, */
    void *context;     /* with this */
    uint64_t argument; /* and this */
    uint32_t len;
    uint8_t bytes[];
};

/* What somebody received, oldest first. */
struct sim_packet {
    uint64_t at_ns;
    union rd_address from, to;
    uint32_t len;
    uint8_t *bytes;
};

struct sim_log {
    struct sim_packet *at;
    unsigned n, room;
};

struct sim_client {
    union rd_address address;
    struct sim_log answers;
};

struct sim_io;
struct sim_upstream;

/* Who looks on, and who plays the network. What is NULL is not told, and carried as it is. */
struct sim_watch {
    void *context;
    /* DATAGRAM (never a segment or an event) is sent, to arrive DELAY_NS from now: takes it, frees
     * it or passes it on by sim_post, and likewise any copies (sim_datagram_copy). */
    void (*carry)(void *context, struct sim_datagram *datagram, uint64_t delay_ns);
    /* A datagram or a segment arrives now. */
    void (*arrive)(void *context, const struct sim_datagram *datagram);
    /* WORKER has received MSG; FROM: who sent it. TAG: its datagram's, 0 of a stream's. */
    void (*taken)(void *context, unsigned worker, const struct io_message *msg,
                  const union rd_address *from, uint32_t tag);
    /* WORKER sends MSG, within its turn, to TO (AF_UNSPEC: an upstream whose stream is dead). It
     * may still be lost: its stream may be dead, the kernel may not take it. */
    void (*sent)(void *context, unsigned worker, const struct io_message *msg,
                 const union rd_address *to);
    /* STREAM of WORKER is gone, whoever closed it: nothing comes of it or goes to it any more. Once
     * for each stream, when the worker closes it or when an RST arrives, that is before
     * IO_STREAM_CLOSED is taken (BY_PEER); messages taken before may still be in the worker's
     * hands. */
    void (*closed)(void *context, unsigned worker, uint32_t stream, bool by_peer);
    /* DATAGRAM has reached a client, which is not otherwise known of. */
    void (*answered)(void *context, const struct sim_datagram *datagram);
    /* A whole message has come to the client's end of CONN. */
    void (*heard)(void *context, struct sim_conn *conn, const uint8_t *bytes, size_t len);
};

/* What an upstream does with a query: nothing, or sim_reply any number of times. */
typedef void sim_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                       size_t len, uint16_t from_port);

/* The same for a query that came whole on CONN: nothing, or what conn.h has for its far end. */
typedef void sim_stream_model(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                              const uint8_t *query, size_t len);

/* What an upstream does when a connection is begun; SILENT: nothing ever comes back. */
enum sim_accept { SIM_REFUSE, SIM_ACCEPT, SIM_SILENT };

struct sim_upstream {
    union rd_address address;
    sim_model *reply;    /* NULL: silent */
    void *context;       /* the model's own */
    uint64_t latency_ns; /* each way */
    int send_error;      /* positive errno: the kernel takes no packet to it, nor a connection */
    int port_error;      /* the same for port_open: there is no route to it */
    struct sim_log queries;

    enum sim_accept accept;
    sim_stream_model *reply_stream; /* NULL: silent */
    unsigned close_after;           /* queries on one connection, then it closes; 0: never */
    bool close_by_reset;            /* and how: by RST, else by FIN */
    struct sim_log stream_queries;  /* of all connections */
    unsigned conns_accepted, conns_open;
};

struct sim_worker {
    bool (*turn)(void *context); /* false: it is through */
    void *context;
    bool running;
    bool held; /* it gets no turn: as when its thread has lost its CPU */
};

struct sim {
    uint64_t now_ns;
    uint64_t random[4];            /* xoshiro256**: the world's own, the workers have theirs */
    uint64_t trace;                /* a hash of everything that was delivered, and when */
    const struct sim_watch *watch; /* NULL: nobody; it outlives the world */
    bool forgetful;                /* nothing is put into anyone's log: for worlds that live long */
    uint32_t tag;                  /* of datagrams that are made now */
    struct sim_queue under_way;    /* datagrams, segments and events */
    struct sim_datagram *spare;    /* memory for the next ones, linked by NEXT */

    union rd_address host4, host6; /* where the workers' ports live */
    uint64_t client_latency_ns;    /* each way */
    unsigned listener_room;        /* datagrams that a listener's queue takes; more are dropped */
    int port_error;                /* positive errno: the system refuses every port */
    int stream_error;              /* the same for stream_open */
    uint32_t stream_window;        /* of new connections: bytes that wait unread at the far end */
    uint32_t buffers_most;         /* of one worker's buffers of one kind, out or queued to be sent
                                    * at a time; 0: all of them */
    bool frozen;                   /* the workers' clock stands still, */
    uint64_t frozen_ns;            /* at this */
    uint32_t *port_owners[2];      /* by family and port: sim_datagram.c knows what it means */

    struct sim_upstream *upstreams[SIM_MAX_UPSTREAMS];
    unsigned n_upstreams;
    struct sim_client **clients;
    unsigned n_clients, clients_room;
    struct sim_conn **conns; /* all that ever were; of a forgetful world, those not over */
    unsigned n_conns, conns_room;
    uint64_t conns_begun;
    struct sim_io *ios[SIM_MAX_WORKERS]; /* by the plan's worker number; NULL: not open */
    unsigned n_ios;
    struct sim_worker workers[SIM_MAX_WORKERS];
    unsigned n_workers;
    uint64_t turns; /* of all workers */

    unsigned answers;     /* received by clients, all together, by UDP and TCP */
    unsigned buffers_out; /* with the workers now */
    unsigned ports_open;
    unsigned ports_peak;   /* the most that were open at a time */
    unsigned streams_open; /* places of streams that workers have */
    unsigned streams_peak;
    uint32_t handles_used; /* one above the highest port handle that was ever given out */
    char broken[400];      /* the first rule of io.h that a worker broke; empty: none */
};

/* The world that sim_io_ops.open finds. */
extern struct sim *sim_current;

/* A world without anybody, and sim_current. Never NULL: no memory ends the program. */
struct sim *sim_new(uint64_t seed);
/* Ends the world; workers' ios are closed before. NULL is allowed. */
void sim_free(struct sim *sim);

uint64_t sim_random(struct sim *sim);
uint32_t sim_random_below(struct sim *sim, uint32_t bound);
void sim_random_bytes(struct sim *sim, void *bytes, size_t len);

/* "192.0.2.1" or "2001:db8::1"; anything else ends the program. */
union rd_address sim_address(const char *text, uint16_t port);

/* An upstream that answers by REPLY after LATENCY each way. Owned by the world. */
struct sim_upstream *sim_upstream_add(struct sim *sim, const char *address, sim_model *reply,
                                      void *context, uint64_t latency_ns);
/* Sends from UPSTREAM to our port TO_PORT, DELAY_NS plus its latency from now. */
void sim_reply(struct sim *sim, const struct sim_upstream *upstream, const uint8_t *bytes,
               size_t len, uint16_t to_port, uint64_t delay_ns);
/* The same from anybody. */
void sim_forge(struct sim *sim, const union rd_address *from, uint16_t to_port,
               const uint8_t *bytes, size_t len, uint64_t delay_ns);
/* An ICMP error about UPSTREAM reaches our port TO_PORT. ERROR: a positive errno. */
void sim_icmp(struct sim *sim, const struct sim_upstream *upstream, uint16_t to_port, int error,
              uint64_t delay_ns);

/* The client with this address, made when it is new. Owned by the world. */
struct sim_client *sim_client(struct sim *sim, const union rd_address *address);
/* Sends from CLIENT, which may be one that the world does not know, to the listener TO. */
void sim_ask(struct sim *sim, const struct sim_client *client, const union rd_address *to,
             const uint8_t *bytes, size_t len);

/* No port_open gets PORT of FAMILY from now on. */
void sim_reserve_port(struct sim *sim, sa_family_t family, uint16_t port);

/* Memory for a datagram or a segment, of LEN bytes that are still zero. */
struct sim_datagram *sim_datagram_new(size_t len);
/* As free, which is allowed as well, but keeps the memory for the next one. */
void sim_datagram_free(struct sim_datagram *datagram);
/* Frees all that is under way. */
void sim_datagrams_deinit(struct sim *sim);
/* Everything passes here: it arrives DELAY_NS from now. Takes DATAGRAM. */
void sim_post(struct sim *sim, struct sim_datagram *datagram, uint64_t delay_ns);
/* Makes a datagram and posts it. */
void sim_carry(struct sim *sim, const union rd_address *from, const union rd_address *to,
               const void *bytes, size_t len, int error, uint64_t delay_ns);
/* Gives what is due to whom it is for. */
void sim_deliver_due(struct sim *sim);
/* EVENT is called DELAY_NS from now, in its order among all that happens then. The worker whose
 * turn it is, if any, is waiting. */
void sim_at(struct sim *sim, uint64_t delay_ns, sim_event *event, void *context, uint64_t argument);
/* One more of it, under way to the same end. */
struct sim_datagram *sim_datagram_copy(const struct sim_datagram *datagram);
/* Takes these bytes into the world's trace. */
void sim_trace(struct sim *sim, const void *bytes, size_t len);
/* Keeps a copy of the bytes. */
void sim_log_add(struct sim_log *log, uint64_t at_ns, const union rd_address *from,
                 const union rd_address *to, const uint8_t *bytes, size_t len);
void sim_log_deinit(struct sim_log *log);
/* Notes a broken rule of io.h; the first one stays. */
void sim_broken(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* TURN will be called with CONTEXT until it returns false: when its io has work or its deadline has
 * come, and now and then without a reason. Its io is the next one that was opened (in the order of
 * the plan's worker numbers). */
void sim_worker_add(struct sim *sim, bool (*turn)(void *context), void *context);
bool sim_workers_running(const struct sim *sim);

typedef bool sim_condition(void *context);
/* Turns the workers and moves time until DONE says true, or time is LATEST_NS and everybody waits
 * for later. While the workers' clock is frozen, only what is under way moves time, not their
 * deadlines. DONE may be NULL. Whether DONE said true; false at once when a rule is broken. */
bool sim_run_until(struct sim *sim, sim_condition *done, void *context, uint64_t latest_ns);
void sim_run_for(struct sim *sim, uint64_t ns);

#endif
