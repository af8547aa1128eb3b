/* Remembers what files of the spool were before each write, until they are synced, so that a test can take back what
 * a killed process wrote and did not sync: what a power loss would leave at the worst. Loaded with LD_PRELOAD.
 *
 * HEELGUARD_POWER_JOURNAL names the journal: entries of five 64-bit numbers (kind, inode, offset, size before, count)
 * and `count` bytes, those that the write replaces. Kind 0: written, or cut off. Kind 1: synced. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -2;

static int is_of_spool(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    /* Blind, it would take nothing back, and every promise would seem kept. */
    if (length < 0 && errno != ENOENT && errno != EBADF)
        abort();
    if (length < 0)
        return 0;
    path[length] = 0;
    return strstr(path, "/state/spool/") != NULL;
}

/* One write, so that a kill leaves a whole entry or none. */
static void note(uint64_t kind, int fd, uint64_t offset, uint64_t count) {
    struct stat about;
    char *before = malloc(count + 1);
    if (before == NULL || fstat(fd, &about) != 0)
        abort();
    ssize_t had = count > 0 ? pread(fd, before, count, (off_t)offset) : 0;
    uint64_t head[5] = {kind, about.st_ino, offset, (uint64_t)about.st_size, had > 0 ? (uint64_t)had : 0};
    struct iovec parts[2] = {{head, sizeof head}, {before, head[4]}};
    pthread_mutex_lock(&lock);
    if (journal == -2) {
        const char *name = getenv("HEELGUARD_POWER_JOURNAL");
        journal = name == NULL ? -1 : open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    if (journal < 0 || writev(journal, parts, 2) != (ssize_t)(sizeof head + head[4]))
        abort();
    pthread_mutex_unlock(&lock);
    free(before);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "pwrite64");
    if (is_of_spool(fd))
        note(0, fd, (uint64_t)offset, count);
    return real(fd, bytes, count, offset);
}

int ftruncate64(int fd, off64_t size) {
    static int (*real)(int, off64_t);
    struct stat about;
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "ftruncate64");
    if (is_of_spool(fd) && fstat(fd, &about) == 0)
        note(0, fd, (uint64_t)size, about.st_size > size ? (uint64_t)(about.st_size - size) : 0);
    return real(fd, size);
}

static int synced(int fd, int result) {
    if (result == 0 && is_of_spool(fd))
        note(1, fd, 0, 0);
    return result;
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "fdatasync");
    return synced(fd, real(fd));
}

int fsync(int fd) {
    static int (*real)(int);
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "fsync");
    return synced(fd, real(fd));
}
