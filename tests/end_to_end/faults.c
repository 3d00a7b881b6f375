/* Lets writes to unfinished uploads fail while a file says so: "CALL ERRNO", such as "fdatasync 5". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fault_of(int fd, const char *call) {
    char link[64], path[4096], wanted[64];
    int number = 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    const char *said = getenv("FAULTS");
    if (!said || (!strstr(path, "/uploads/") && !strstr(path, "/parts/"))) return 0;
    FILE *file = fopen(said, "r");
    if (!file) return 0;
    int found = fscanf(file, "%63s %d", wanted, &number);
    fclose(file);
    return found == 2 && !strcmp(wanted, call) ? number : 0;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t position) {
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite");
    if ((errno = fault_of(fd, "pwrite"))) return -1;
    return real(fd, bytes, count, position);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t position) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
    if ((errno = fault_of(fd, "pwrite"))) return -1;
    return real(fd, bytes, count, position);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
    if ((errno = fault_of(fd, "fdatasync"))) return -1;
    return real(fd);
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fsync");
    if ((errno = fault_of(fd, "fsync"))) return -1;
    return real(fd);
}
