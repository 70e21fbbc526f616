/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - ringdns-sim: storms by their seeds, one after the other.
 *
 * Exit code 0: all of them were clean; 1: a rule was broken, and the last line says by which seed
 * and which rule; 2: the command line was wrong.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "sim/storm/crowd.h"
#include "sim/storm/storm.h"
#ifdef SIM_MUTANTS
#include "sim/mutants/mutant.h"
#endif

#define QUERIES 10000
/* What a process may hold more after a storm than after the first one: nothing but the allocator's
 * own. */
#define GROWTH_BYTES (256u << 10)

struct run {
    uint64_t first, last; /* seeds */
    bool fresh;           /* they begin anywhere, and go on for seconds */
    double seconds;
    unsigned queries;
    bool trace, hash;
    /* What came of it: */
    uint64_t seeds, asked /* by clients, repetitions included */, turns, virtual_ns, answers[16],
        faults[STORM_FAULTS];
    size_t held; /* bytes after the first storm */
};

static const char help[] =
    "ringdns-sim [option...]: a forwarder in simulated bad weather, checked in all it says\n"
    "  --seed N          one storm\n"
    "  --seeds A-B       these\n"
    "  --seconds S       fresh ones for so long; or --minutes M\n"
    "  --queries Q       clients' queries in each (10000)\n"
    "  --trace           tell what happens, a line each\n"
    "  --hash            one line for each storm: the hash of everything that was delivered\n"
    "  --list-faults     name what can go wrong\n"
#ifdef SIM_MUTANTS
    "  --mutant K        with deliberate bug K; 0: none\n"
    "  --list-mutants    name them\n"
#endif
    ;

static double now_s(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void add_up(struct run *run, const struct storm *storm)
{
    run->seeds++;
    run->asked += crowd_sent(storm);
    run->turns += storm->turns;
    run->virtual_ns += storm->sim->now_ns - SIM_START_NS;
    for (unsigned i = 0; i < 16; i++)
        run->answers[i] += storm->answers[i];
    for (unsigned i = 0; i < STORM_FAULTS; i++)
        run->faults[i] += storm->faults[i];
}

/* What is held must not grow from storm to storm. False: it does. */
static bool is_constant(struct run *run, uint64_t seed)
{
    size_t held = mallinfo2().uordblks;

    if (run->held == 0)
        run->held = held;
    if (held <= run->held + GROWTH_BYTES)
        return true;
    printf("seed %" PRIu64 ": memory: %zu bytes are held after it, %zu after the first\n", seed,
           held, run->held);
    return false;
}

static bool run_seed(struct run *run, uint64_t seed)
{
    struct storm *storm = storm_new(seed, run->queries, run->trace ? stdout : NULL);
    bool clean;

    storm_run(storm);
    clean = storm->sim->broken[0] == '\0';
    add_up(run, storm);
    if (run->hash)
        printf("seed %" PRIu64 " trace %016" PRIx64 "\n", seed, storm->sim->trace);
    if (!clean)
        printf("seed %" PRIu64 ": %s\n", seed, storm->sim->broken);
    storm_free(storm);
    return clean && is_constant(run, seed);
}

static bool run_all(struct run *run)
{
    double end_s = now_s(CLOCK_MONOTONIC) + run->seconds;

    for (uint64_t seed = run->first;
         run->fresh ? now_s(CLOCK_MONOTONIC) < end_s : seed <= run->last; seed++)
        if (!run_seed(run, seed))
            return false;
    return true;
}

static void print_summary(const struct run *run, double seconds)
{
    double cpu_s = now_s(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t answers = 0;

    for (unsigned i = 0; i < 16; i++)
        answers += run->answers[i];
    printf("%" PRIu64 " seeds clean, %" PRIu64 " queries, %" PRIu64 " answers (%" PRIu64
           " NOERROR, %" PRIu64 " NXDOMAIN, %" PRIu64 " SERVFAIL), %" PRIu64 " turns, "
           "%.1f simulated hours\n",
           run->seeds, run->asked, answers, run->answers[0], run->answers[3], run->answers[2],
           run->turns, (double)run->virtual_ns / 3600e9);
    for (unsigned i = 0; i < STORM_FAULTS; i++)
        printf("%s %" PRIu64 "%s", storm_fault_names[i], run->faults[i],
               i + 1 < STORM_FAULTS ? ", " : "\n");
    printf("%.1f s; in %.1f s of CPU, %.0f simulated queries a second of CPU\n", seconds, cpu_s,
           cpu_s > 0 ? (double)run->asked / cpu_s : 0.0);
}

static void wrong(const char *option, const char *text, const char *allowed)
{
    fprintf(stderr, "ringdns-sim: --%s: \"%s\" is not %s\n", option, text, allowed);
    exit(2);
}

static uint64_t read_number(const char *option, const char *text, uint64_t most)
{
    char *end;
    uint64_t value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value > most)
        wrong(option, text, "a number in its range");
    return value;
}

static void read_range(const char *text, struct run *run)
{
    char *copy = strdup(text), *dash = copy ? strchr(copy, '-') : NULL;

    if (!dash)
        wrong("seeds", text, "two seeds, as in 1-100");
    *dash = '\0';
    run->first = read_number("seeds", copy, UINT64_MAX - 1);
    run->last = read_number("seeds", dash + 1, UINT64_MAX - 1);
    free(copy);
    if (run->last < run->first)
        wrong("seeds", text, "a range that goes up");
}

static void take_fresh(struct run *run, uint64_t seconds)
{
    run->fresh = true;
    run->seconds = (double)seconds;
    if (getrandom(&run->first, sizeof(run->first), 0) != sizeof(run->first))
        exit(2);
    run->first >>= 24; /* so that it can be typed */
}

static void list_faults(void)
{
    for (unsigned i = 0; i < STORM_FAULTS; i++)
        printf("%-12s %s\n", storm_fault_names[i], storm_fault_helps[i]);
    exit(0);
}

enum { SEED = 1, SEEDS, SECONDS, MINUTES, ASK, TRACE, HASH, FAULTS, HELP, MUTANT, MUTANTS };

static const struct option options[] = {
    {"seed", required_argument, NULL, SEED},
    {"seeds", required_argument, NULL, SEEDS},
    {"seconds", required_argument, NULL, SECONDS},
    {"minutes", required_argument, NULL, MINUTES},
    {"queries", required_argument, NULL, ASK},
    {"trace", no_argument, NULL, TRACE},
    {"hash", no_argument, NULL, HASH},
    {"list-faults", no_argument, NULL, FAULTS},
    {"help", no_argument, NULL, HELP},
#ifdef SIM_MUTANTS
    {"mutant", required_argument, NULL, MUTANT},
    {"list-mutants", no_argument, NULL, MUTANTS},
#endif
    {NULL, 0, NULL, 0},
};

#ifdef SIM_MUTANTS
static void read_mutant(int option)
{
    if (option == MUTANTS) {
        mutants_list();
        exit(0);
    }
    rd_mutant = (unsigned)read_number("mutant", optarg, mutants_count());
}
#endif

static void read_option(int option, struct run *run)
{
    switch (option) {
    case SEED:
        run->first = run->last = read_number("seed", optarg, UINT64_MAX - 1);
        break;
    case SEEDS:
        read_range(optarg, run);
        break;
    case SECONDS:
        take_fresh(run, read_number("seconds", optarg, 1000000));
        break;
    case MINUTES:
        take_fresh(run, 60 * read_number("minutes", optarg, 1000000));
        break;
    case ASK:
        run->queries = (unsigned)read_number("queries", optarg, 1000000000);
        break;
    case TRACE:
        run->trace = true;
        break;
    case HASH:
        run->hash = true;
        break;
    case FAULTS:
        list_faults();
        break;
#ifdef SIM_MUTANTS
    case MUTANT:
    case MUTANTS:
        read_mutant(option);
        break;
#endif
    default:
        fputs(help, option == HELP ? stdout : stderr);
        exit(option == HELP ? 0 : 2);
    }
}

int main(int argc, char **argv)
{
    struct run run = {.first = 1, .last = 0, .queries = QUERIES};
    double start_s = now_s(CLOCK_MONOTONIC);
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        read_option(option, &run);
    if (optind < argc || (!run.fresh && run.last < run.first)) {
        fputs(help, stderr);
        return 2;
    }
    if (!run_all(&run))
        return 1;
    if (!run.hash)
        print_summary(&run, now_s(CLOCK_MONOTONIC) - start_s);
    return 0;
}
