/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolv_watch.c - inotify on everything that may stand behind /etc/resolv.conf.
 *
 * Programs replace the file by a rename, so its directory is watched; the file may be a symbolic
 * link, so the directories of its targets are watched too; in a container it may be a mount of its
 * own, whose directory stays silent, so the file itself is watched as well. After each change the
 * watches are made anew, since the links may lead elsewhere.
 * Thread: main.
 * Not here: reading the file.
 */
#include "resolv_watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    QUIET_MS = 200, /* a writer is done when nothing happened for so long */
    MOST_MS = 2000, /* and one that never is done is not waited for any longer */
    EVENT_BYTES = 4096,
};

static const uint32_t in_directory =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ONLYDIR;
static const uint32_t in_file =
    IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

/* Length of PATH's directory with its slash; 0: the present one. */
static size_t directory_len(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? (size_t)(slash + 1 - path) : 0;
}

static void watch_name(struct resolv_watch *watch, const char *path)
{
    size_t len = directory_len(path);
    char directory[PATH_MAX] = "./";

    if (len > 0)
        snprintf(directory, sizeof(directory), "%.*s", (int)len, path);
    inotify_add_watch(watch->fd, directory, in_directory);
    snprintf(watch->names[watch->n++], NAME_MAX + 1, "%.*s", NAME_MAX, path + len);
}

/* Where PATH is a link, moves it on to its target. */
static bool follow(char path[PATH_MAX])
{
    char target[PATH_MAX];
    ssize_t len = readlink(path, target, sizeof(target));
    size_t kept = len > 0 && target[0] != '/' ? directory_len(path) : 0;

    if (len <= 0 || kept + (size_t)len >= PATH_MAX)
        return false;
    memcpy(path + kept, target, (size_t)len);
    path[kept + (size_t)len] = '\0';
    return true;
}

int resolv_watch_open(struct resolv_watch *watch, const char *path)
{
    char at[PATH_MAX];

    *watch = (struct resolv_watch){.path = path, .fd = -1};
    if (strlen(path) >= sizeof(at))
        return -ENAMETOOLONG;
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd < 0)
        return -errno;
    snprintf(at, sizeof(at), "%s", path);
    do
        watch_name(watch, at);
    while (follow(at) && watch->n <= RESOLV_WATCH_LINKS);
    /* Not there yet, perhaps; then its directory tells. */
    inotify_add_watch(watch->fd, at, in_file);
    return 0;
}

void resolv_watch_close(struct resolv_watch *watch)
{
    if (watch->fd >= 0)
        close(watch->fd);
    watch->fd = -1;
    watch->first_ms = 0;
}

/* About the file itself, or about a name in a directory that is one of ours. */
static bool concerns(const struct resolv_watch *watch, const struct inotify_event *event)
{
    if (event->len == 0)
        return true;
    for (unsigned i = 0; i < watch->n; i++)
        if (strcmp(event->name, watch->names[i]) == 0)
            return true;
    return false;
}

void resolv_watch_read(struct resolv_watch *watch, uint64_t now_ms)
{
    char events[EVENT_BYTES] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t len;

    while ((len = read(watch->fd, events, sizeof(events))) > 0) {
        const struct inotify_event *event;

        for (char *at = events; at < events + len; at += sizeof(*event) + event->len) {
            event = (const struct inotify_event *)at;
            if (!concerns(watch, event))
                continue;
            if (watch->first_ms == 0)
                watch->first_ms = now_ms;
            watch->last_ms = now_ms;
        }
    }
}

int resolv_watch_wait(const struct resolv_watch *watch, uint64_t now_ms)
{
    uint64_t quiet = watch->last_ms + QUIET_MS, most = watch->first_ms + MOST_MS;
    uint64_t due = quiet < most ? quiet : most;

    if (watch->first_ms == 0)
        return -1;
    return due <= now_ms ? 0 : (int)(due - now_ms);
}

bool resolv_watch_due(struct resolv_watch *watch, uint64_t now_ms)
{
    const char *path = watch->path;

    if (resolv_watch_wait(watch, now_ms) != 0)
        return false;
    resolv_watch_close(watch);
    resolv_watch_open(watch, path);
    return true;
}
