/* A clock of the wall that lies: what a program is told of the time of day is so many seconds off, and with
 * HEELGUARD_CLOCK_JUMPS every few looks the other way. Clocks that only run forward are left alone. Loaded with
 * LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static time_t shift(void) {
    static atomic_uint looks;
    const char *seconds = getenv("HEELGUARD_CLOCK_SHIFT_S");
    time_t by = seconds == NULL ? 0 : (time_t)strtoll(seconds, NULL, 10);
    int back = getenv("HEELGUARD_CLOCK_JUMPS") != NULL && atomic_fetch_add(&looks, 1) / 3 % 2 == 1;
    return back ? -by : by;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += shift();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec precise;
    int result = clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return result;
}

time_t time(time_t *now) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (now != NULL)
        *now = precise.tv_sec;
    return precise.tv_sec;
}
