/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c - the command line goes over the file, through the same parser.
 *
 * The texts are kept and applied anew at each reload, after the file.
 * Thread: main.
 * Not here: what the actions do (main.c).
 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cache_setup.h"
#include "config_pool.h"
#include "config_value.h"
#include "escape.h"

const char options_help[] =
    "ringdns [options]: a DNS forwarder\n"
    "\n"
    "  -c FILE              configuration (YAML); options below go over it\n"
    "  --listen ADDR[:PORT] address that clients ask; may be repeated, replaces the file's list\n"
    "  --forward ADDR[:PORT]\n"
    "                       resolver to ask; may be repeated, replaces the file's list;\n"
    "                       with none anywhere: the name servers of /etc/resolv.conf\n"
    "  --workers N          worker threads (auto: one per usable CPU)\n"
    "  --io auto|uring|syscall\n"
    "                       how packets come and go\n"
    "  --control PATH       Unix socket for ringdnsctl\n"
    "  --check-config       read everything, say OK or what is wrong, and exit\n"
    "  --dump-config        write the whole configuration as YAML, and exit\n"
    "  --help-config[=markdown]\n"
    "                       every option of the file\n"
    "  --help-stats[=markdown]\n"
    "                       every counter\n"
    "  --version, --help\n"
    "\n"
    "SIGHUP reads FILE again; SIGTERM and SIGINT stop after the answers under way.\n"
    "Exit status: 0 stopped by order, 1 could not start or ran into trouble,\n"
    "2 wrong configuration or usage.\n";

/* What a flag does: sets an option of the file, asks for an action, or one of the others. */
static const struct flag {
    const char *name;
    int has_value; /* as getopt_long says it */
    enum { SETS, ACTS, REFUSED } does;
    const char *key; /* SETS */
    bool pool;
    enum options_action action; /* ACTS; with a value: one of the references */
} flags[] = {
    {.name = "listen", required_argument, SETS, .key = "listen"},
    {.name = "forward", required_argument, SETS, .key = "servers", .pool = true},
    {.name = "workers", required_argument, SETS, .key = "workers"},
    {.name = "io", required_argument, SETS, .key = "io"},
    {.name = "control", required_argument, SETS, .key = "control"},
    {.name = "interface", required_argument, REFUSED},
    {.name = "check-config", no_argument, ACTS, .action = OPTIONS_CHECK},
    {.name = "dump-config", no_argument, ACTS, .action = OPTIONS_DUMP},
    {.name = "help-config", optional_argument, ACTS, .action = OPTIONS_HELP_CONFIG},
    {.name = "help-stats", optional_argument, ACTS, .action = OPTIONS_HELP_STATS},
    {.name = "version", no_argument, ACTS, .action = OPTIONS_VERSION},
    {.name = "help", no_argument, ACTS, .action = OPTIONS_HELP},
};

enum { FLAGS = sizeof(flags) / sizeof(flags[0]), FLAG_0 = 256 };

static void usage_error(struct config_errors *errors, const char *flag, const char *allowed,
                        const char *found)
{
    const struct config_place place = {0};
    char shown[96];

    config_errors_add(errors, &place, flag, allowed, "%s",
                      escape_text(found, strlen(found), shown, sizeof(shown)));
}

static void add_override(struct options *options, const struct flag *flag, const char *word,
                         struct config_errors *errors)
{
    if (options->n == OPTIONS_OVERRIDES) {
        usage_error(errors, word, "at most 128 options", "one option too many");
        return;
    }
    options->overrides[options->n++] = (struct options_override){
        .option = config_find(flag->key, flag->pool), .flag = word, .text = optarg};
}

static void take_action(struct options *options, const struct flag *flag, const char *word,
                        struct config_errors *errors)
{
    options->action = flag->action;
    options->markdown = optarg && strcmp(optarg, "markdown") == 0;
    if (optarg && !options->markdown && strcmp(optarg, "text") != 0)
        usage_error(errors, word, "text or markdown", optarg);
}

static void take_flag(struct options *options, const struct flag *flag,
                      struct config_errors *errors)
{
    static char words[FLAGS][24]; /* they name the option in errors, at reloads too */
    char *word = words[flag - flags];

    snprintf(word, sizeof(words[0]), "--%s", flag->name);
    if (flag->does == SETS)
        add_override(options, flag, word, errors);
    else if (flag->does == ACTS)
        take_action(options, flag, word, errors);
    else
        usage_error(errors, word, "--listen ADDR (this version has no AF_XDP)", optarg);
}

/* getopt_long refused something. */
static void wrong_flag(bool no_value, char **argv, struct config_errors *errors)
{
    const char letter[] = {'-', (char)optopt, '\0'};
    const char *word = optopt > 0 && optopt < FLAG_0 ? letter : argv[optind - 1];

    if (no_value)
        usage_error(errors, word, "a value behind it", "no value");
    else
        usage_error(errors, word, "what ringdns --help shows", "an option that is not used so");
}

bool options_parse(int argc, char **argv, struct options *ret_options, struct config_errors *errors)
{
    struct option table[FLAGS + 1] = {0};
    unsigned before = errors->n;
    int flag;

    for (int i = 0; i < FLAGS; i++)
        table[i] = (struct option){flags[i].name, flags[i].has_value, NULL, FLAG_0 + i};
    memset(ret_options, 0, sizeof(*ret_options));
    opterr = 0;
    optind = 0; /* start anew, whatever was read before */
    while ((flag = getopt_long(argc, argv, ":c:h", table, NULL)) >= 0) {
        if (flag >= FLAG_0)
            take_flag(ret_options, &flags[flag - FLAG_0], errors);
        else if (flag == 'c')
            ret_options->file = optarg;
        else if (flag == 'h')
            ret_options->action = OPTIONS_HELP;
        else
            wrong_flag(flag == ':', argv, errors);
    }
    for (; optind < argc; optind++)
        usage_error(errors, "command line", "options only, see ringdns --help", argv[optind]);
    return errors->n == before;
}

/* Over the file; a pool's options are those of the pool default. */
static void apply_overrides(const struct options *options, struct rd_config *config,
                            struct config_given *given, struct config_errors *errors)
{
    static const struct config_place place;
    bool seen[CONFIG_OPTIONS] = {false};

    for (unsigned i = 0; i < options->n; i++) {
        const struct options_override *override = &options->overrides[i];
        const struct config_option *option = override->option;
        unsigned index = (unsigned)(option - config_options);
        void *value = config_value(option, config, 0);
        size_t len = strlen(override->text);

        /* The first one replaces the file's list, those that follow add to it. */
        if (seen[index] && option->kind->list)
            config_value_append(option, value, override->flag, override->text, len, &place, errors);
        else
            config_value_set(option, value, override->flag, override->text, len, &place, errors);
        seen[index] = true;
        given->option[index] = true;
        given->pools[0].servers |= index == CONFIG_POOL_servers;
    }
}

bool options_load(const struct options *options, struct rd_config *ret_config,
                  struct config_given *ret_given, struct config_errors *errors)
{
    unsigned before = errors->n;

    config_defaults(ret_config);
    memset(ret_given, 0, sizeof(*ret_given));
    if (options->file)
        config_file_read(options->file, ret_config, ret_given, errors);
    apply_overrides(options, ret_config, ret_given, errors);
    config_pools_check(ret_config, ret_given, errors);
    cache_check(ret_config, ret_given, errors);
    ret_config->pools[0].from_system = ret_config->pools[0].servers.n == 0;
    return errors->n == before;
}
