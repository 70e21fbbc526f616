/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.c CORPUS SHARED - runs a fuzz target over its corpus in the ordinary test run.
 *
 * Each file in the folder CORPUS is an input, and so is each payload in the captures of the folder
 * packets in SHARED (or in $RINGDNS_SHARED), where there is one. A TAP line per file; a property
 * that does not hold ends the program, with the file's name in the last line of standard error.
 */
#include <dirent.h>
#include <limits.h>
#include <string.h>

#include "fuzz.h"
#include "pcap.h"

#define FILE_BYTES_MAX (16u << 20)

/* In memory that ends with it, so that a sanitizer sees a read behind it. */
static void run_one(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);

    property(exact);
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static uint8_t *read_whole(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(FILE_BYTES_MAX);

    property(file && data);
    *ret_size = fread(data, 1, FILE_BYTES_MAX, file);
    property(!ferror(file) && feof(file));
    fclose(file);
    return data;
}

static bool run_input(const char *path)
{
    size_t size;
    uint8_t *data = read_whole(path, &size);

    run_one(data, size);
    free(data);
    return true;
}

static bool run_capture(const char *path)
{
    size_t size;
    uint8_t *data = read_whole(path, &size);
    int payloads = pcap_each(data, size, run_one);

    printf("# %d payloads\n", payloads);
    free(data);
    return payloads > 0;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* A TAP line for each file in FOLDER; how many, or -1: no such folder. */
static int run_folder(const char *folder, bool (*run)(const char *path), int number)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_visible, alphasort);

    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        fprintf(stderr, "%s\n", path);
        printf("%s %d - %s\n", run(path) ? "ok" : "not ok", number + i, entries[i]->d_name);
        fflush(stdout);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return count;
}

int main(int argc, char **argv)
{
    const char *shared = getenv("RINGDNS_SHARED");
    char captures[PATH_MAX];
    int inputs, packets;

    property(argc == 3);
    snprintf(captures, sizeof(captures), "%s/packets", shared ? shared : argv[2]);
    inputs = run_folder(argv[1], run_input, 1);
    property(inputs > 0);
    packets = run_folder(captures, run_capture, inputs + 1);
    if (packets < 0) {
        printf("ok %d - captures # SKIP no shared data\n", inputs + 1);
        packets = 1;
    }
    printf("1..%d\n", inputs + packets);
    return 0;
}
