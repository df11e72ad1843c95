/*
 * A disk that misbehaves on demand: loaded into the hub with LD_PRELOAD, it makes writes and syncs of the database
 * files fail or hang while the file named by KAIROS_DISK_FAULT exists.
 *
 * The file holds "<what> <how>": what is write, sync or all; how is EIO, ENOSPC, EROFS or STALL. Everything else
 * (sockets, logs, other files) passes. The system calls are made directly, so that nothing here can call itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int is_database(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return strstr(path, "/hub.db") != NULL;
}

/* The error to answer with, or 0 to go on; returns only when a stall is over. */
static int fault(const char *op, int fd) {
    const char *file = getenv("KAIROS_DISK_FAULT");
    if (!file) return 0;
    for (;;) {
        int plan = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC, 0);
        if (plan < 0) return 0;
        char text[64], what[16] = "", how[16] = "";
        ssize_t n = syscall(SYS_read, plan, text, sizeof text - 1);
        syscall(SYS_close, plan);
        if (n <= 0) return 0;
        text[n] = 0;
        if (sscanf(text, "%15s %15s", what, how) != 2) return 0;
        if (strcmp(what, "all") && strcmp(what, op)) return 0;
        if (!is_database(fd)) return 0;
        if (!strcmp(how, "EIO")) return EIO;
        if (!strcmp(how, "ENOSPC")) return ENOSPC;
        if (!strcmp(how, "EROFS")) return EROFS;
        struct timespec nap = {0, 5 * 1000 * 1000};
        nanosleep(&nap, NULL);
    }
}

#define REFUSE(op, fd)              \
    do {                            \
        int error = fault(op, fd);  \
        if (error) {                \
            errno = error;          \
            return -1;              \
        }                           \
    } while (0)

ssize_t write(int fd, const void *bytes, size_t count) {
    REFUSE("write", fd);
    return syscall(SYS_write, fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    REFUSE("write", fd);
    return syscall(SYS_pwrite64, fd, bytes, count, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return pwrite64(fd, bytes, count, at); }

int ftruncate64(int fd, off64_t size) {
    REFUSE("write", fd);
    return (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int fsync(int fd) {
    REFUSE("sync", fd);
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    REFUSE("sync", fd);
    return (int)syscall(SYS_fdatasync, fd);
}
