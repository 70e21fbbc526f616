/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_dump.c - millions of lines, without holding them or anybody up.
 *
 * A walk through the cache only reads, beside workers that write; so it may do it in a thread of
 * its own, which waits where the client does not read. The main loop goes on meanwhile, no more
 * than a buffer is in memory, and no file is written that would have to be found room, a place and
 * an owner for. The alternatives: slices between the main loop's turns need a walk that can be left
 * and taken up again while entries move; a forked copy makes the workers pay for each page they
 * touch. One dump at a time, and the thread yields to the workers where CPUs are scarce.
 * Threads: main; only run() and what it calls are the dump's own.
 * Not here: what a line says (cache_entry.c).
 */
#include "cache_dump.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* A client that reads nothing for so long is given up: a pager may rest for a while. */
enum { STALLED_S = 300, BUFFER_BYTES = 65536, NICENESS = 10 };

struct cache_dump {
    struct rd_cache *cache;
    struct cache_look look;
    FILE *out;
    int fd; /* OUT's */
    uint64_t n;
    pthread_t thread;
    _Atomic bool stop, ended;
};

static bool write_entry(void *context, const struct rd_cache_record *record)
{
    struct cache_dump *dump = context;

    cache_entry_line(record, &dump->look, dump->out);
    dump->n++;
    return !ferror(dump->out) && !atomic_load_explicit(&dump->stop, memory_order_relaxed);
}

static void *run(void *argument)
{
    struct cache_dump *dump = argument;

    setpriority(PRIO_PROCESS, 0, NICENESS); /* in Linux: of this thread */
    fprintf(dump->out, "; %s\n", cache_entry_heading);
    fflush(dump->out);
    rd_cache_walk(dump->cache, write_entry, dump);
    if (!ferror(dump->out) && !atomic_load_explicit(&dump->stop, memory_order_relaxed))
        fprintf(dump->out, "; %" PRIu64 " entries\n", dump->n);
    fflush(dump->out);
    /* The descriptor stays until the main thread closes it: it may be about to shut it down. */
    shutdown(dump->fd, SHUT_RDWR);
    atomic_store_explicit(&dump->ended, true, memory_order_release);
    return NULL;
}

/* No signal reaches it; SIGPIPE is ignored by the process. */
static int start_thread(struct cache_dump *dump)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&dump->thread, NULL, run, dump);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

/* From now on a write waits for the reader. */
static bool make_blocking(int fd)
{
    const struct timeval timeout = {.tv_sec = STALLED_S};
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) == 0;
}

const char *cache_dump_start(struct rd_cache *cache, const struct cache_look *look, int fd,
                             struct cache_dump **dump)
{
    struct cache_dump *self;
    int own;

    if (*dump && !atomic_load_explicit(&(*dump)->ended, memory_order_acquire))
        return "another dump is under way; there is one at a time";
    cache_dump_stop(*dump);
    *dump = NULL;
    self = calloc(1, sizeof(*self));
    own = self && make_blocking(fd) ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (own >= 0)
        self->out = fdopen(own, "w");
    if (!self || !self->out) {
        if (own >= 0)
            close(own);
        free(self);
        return "no memory or no descriptor for a dump";
    }
    setvbuf(self->out, NULL, _IOFBF, BUFFER_BYTES);
    self->cache = cache;
    self->look = *look;
    self->fd = own;
    if (start_thread(self) < 0) {
        fclose(self->out);
        free(self);
        return "no thread for a dump: the limit on threads is reached (ulimit -u, TasksMax=)";
    }
    close(fd);
    *dump = self;
    return NULL;
}

void cache_dump_stop(struct cache_dump *dump)
{
    if (!dump)
        return;
    atomic_store_explicit(&dump->stop, true, memory_order_relaxed);
    shutdown(dump->fd, SHUT_RDWR); /* a write that waits ends now */
    pthread_join(dump->thread, NULL);
    fclose(dump->out);
    free(dump);
}
