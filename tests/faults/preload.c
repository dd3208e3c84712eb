// SPDX-License-Identifier: Apache-2.0
// Faults for a program that knows nothing of them, by LD_PRELOAD: the n-th file operation kills the
// process, or fails. Environment:
//   FAULT_PATH   only operations on paths that hold this text (a descriptor has the path it was opened by)
//   FAULT_OPS    ",open,write,": only these; by default all. open stands for openat too, and so on
//   FAULT_N      which of them, from 1; 0: none, they are only counted
//   FAULT_ALL    set: every one from the n-th on
//   FAULT_ERRNO  fail with this number; without it the process is killed before the operation
//   FAULT_COUNT  a file that receives the count when the process ends by itself
//   FAULT_PID    what getpid() returns, as for the first process of a container
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_FD 4096
static atomic_int count;
static atomic_char watched[MAX_FD];

#define REAL(type, name)        \
  static __typeof__(type) real; \
  if (!real) real = (__typeof__(type))dlsym(RTLD_NEXT, name)

// Is it this operation's turn to fail? Then errno is set, unless the process is dead.
static int strikes(const char* operation) {
  const char* ops = getenv("FAULT_OPS");
  if (ops) {
    char word[32];
    snprintf(word, sizeof word, ",%s,", operation);
    if (!strstr(ops, word)) return 0;
  }
  const int now = atomic_fetch_add(&count, 1) + 1;
  const char* n = getenv("FAULT_N");
  const int turn = n ? atoi(n) : 0;
  if (turn == 0 || now < turn || (now > turn && !getenv("FAULT_ALL"))) return 0;
  const char* number = getenv("FAULT_ERRNO");
  if (!number) syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  errno = number ? atoi(number) : EIO;
  return 1;
}

static int is_watched(int folder, const char* path) {
  const char* part = getenv("FAULT_PATH");
  if (!part || !path) return part == NULL;
  if (strstr(path, part)) return 1;
  if (path[0] == '/' || folder == AT_FDCWD || folder < 0) return 0;
  char link[64], whole[2 * PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
  ssize_t length = readlink(link, whole, PATH_MAX - 1);
  if (length < 0) return 0;
  snprintf(whole + length, sizeof whole - (size_t)length, "/%s", path);
  return strstr(whole, part) != NULL;
}

static int fd_is_watched(int fd) {
  if (!getenv("FAULT_PATH")) return fd > 2;
  return fd >= 0 && fd < MAX_FD && atomic_load(&watched[fd]);
}

static int opened(int fd, int yes) {
  if (fd >= 0 && fd < MAX_FD) atomic_store(&watched[fd], (char)yes);
  return fd;
}

#define OPEN(name)                                        \
  int name(const char* path, int flags, ...) {            \
    REAL(int (*)(const char*, int, mode_t), #name);       \
    va_list rest;                                         \
    va_start(rest, flags);                                \
    const mode_t mode = va_arg(rest, mode_t);             \
    va_end(rest);                                         \
    const int yes = is_watched(AT_FDCWD, path);           \
    if (yes && strikes("open")) return -1;                \
    return opened(real(path, flags, mode), yes);          \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                      \
  int name(int folder, const char* path, int flags, ...) { \
    REAL(int (*)(int, const char*, int, mode_t), #name);  \
    va_list rest;                                         \
    va_start(rest, flags);                                \
    const mode_t mode = va_arg(rest, mode_t);             \
    va_end(rest);                                         \
    const int yes = is_watched(folder, path);             \
    if (yes && strikes("open")) return -1;                \
    return opened(real(folder, path, flags, mode), yes);  \
  }
OPENAT(openat)
OPENAT(openat64)

// A call on a descriptor.
#define ON_FD(type, name, operation, parameters, arguments)       \
  type name parameters {                                          \
    REAL(type(*) parameters, #name);                              \
    if (fd_is_watched(fd) && strikes(operation)) return (type)-1; \
    return real arguments;                                        \
  }
ON_FD(ssize_t, read, "read", (int fd, void* data, size_t size), (fd, data, size))
ON_FD(ssize_t, pread, "read", (int fd, void* data, size_t size, off_t at), (fd, data, size, at))
ON_FD(ssize_t, pread64, "read", (int fd, void* data, size_t size, off64_t at), (fd, data, size, at))
ON_FD(ssize_t, write, "write", (int fd, const void* data, size_t size), (fd, data, size))
ON_FD(ssize_t, pwrite, "write", (int fd, const void* data, size_t size, off_t at),
      (fd, data, size, at))
ON_FD(ssize_t, pwrite64, "write", (int fd, const void* data, size_t size, off64_t at),
      (fd, data, size, at))
ON_FD(ssize_t, writev, "write", (int fd, const struct iovec* parts, int n), (fd, parts, n))
ON_FD(int, fsync, "fsync", (int fd), (fd))
ON_FD(int, fdatasync, "fsync", (int fd), (fd))
ON_FD(int, ftruncate, "truncate", (int fd, off_t size), (fd, size))
ON_FD(int, ftruncate64, "truncate", (int fd, off64_t size), (fd, size))
ON_FD(int, flock, "flock", (int fd, int operation), (fd, operation))

// A call on a path, in the working directory or in an open folder.
#define ON_PATH(name, operation, folder, path, parameters, arguments)    \
  int name parameters {                                                  \
    REAL(int(*) parameters, #name);                                      \
    if (is_watched(folder, path) && strikes(operation)) return -1;       \
    return real arguments;                                               \
  }
ON_PATH(rename, "rename", AT_FDCWD, to, (const char* from, const char* to), (from, to))
ON_PATH(renameat, "rename", folder2, to,
        (int folder1, const char* from, int folder2, const char* to), (folder1, from, folder2, to))
ON_PATH(renameat2, "rename", folder2, to,
        (int folder1, const char* from, int folder2, const char* to, unsigned flags),
        (folder1, from, folder2, to, flags))
ON_PATH(mkdir, "mkdir", AT_FDCWD, path, (const char* path, mode_t mode), (path, mode))
ON_PATH(mkdirat, "mkdir", folder, path, (int folder, const char* path, mode_t mode),
        (folder, path, mode))
ON_PATH(unlink, "unlink", AT_FDCWD, path, (const char* path), (path))
ON_PATH(unlinkat, "unlink", folder, path, (int folder, const char* path, int flags),
        (folder, path, flags))
ON_PATH(rmdir, "unlink", AT_FDCWD, path, (const char* path), (path))
ON_PATH(link, "link", AT_FDCWD, to, (const char* from, const char* to), (from, to))
ON_PATH(linkat, "link", folder2, to,
        (int folder1, const char* from, int folder2, const char* to, int flags),
        (folder1, from, folder2, to, flags))

int close(int fd) {
  REAL(int (*)(int), "close");
  opened(fd, 0);
  return real(fd);
}

pid_t getpid(void) {
  const char* fixed = getenv("FAULT_PID");
  return fixed ? (pid_t)atoi(fixed) : (pid_t)syscall(SYS_getpid);
}

__attribute__((destructor)) static void report(void) {
  const char* path = getenv("FAULT_COUNT");
  FILE* file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%d\n", atomic_load(&count));
  fclose(file);
}
