/* SPDX-License-Identifier: Apache-2.0 */
/* What glibc has got since 2.28, made of what it had before: linked into what a published wheel
   holds, so that it runs on every Linux with glibc 2.28. Each definition is hidden and takes the
   place of glibc's in the library or program that it is linked into. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same function under its version from before 2.28. */
#define OLD(type, name, parameters, arguments)                 \
  extern type old_##name parameters;                           \
  __asm__(".symver old_" #name "," #name "@GLIBC_2.2.5");      \
  type name parameters { return old_##name arguments; }

OLD(double, exp, (double x), (x))
OLD(double, exp2, (double x), (x))
OLD(double, log, (double x), (x))
OLD(double, log2, (double x), (x))
OLD(double, pow, (double x, double y), (x, y))
OLD(double, hypot, (double x, double y), (x, y))
/* These were in libdl and libpthread, which torch has loaded. */
OLD(void*, dlopen, (const char* name, int flags), (name, flags))
OLD(void*, pthread_getspecific, (pthread_key_t key), (key))
OLD(int, pthread_setspecific, (pthread_key_t key, const void* value), (key, value))
OLD(int, pthread_key_create, (pthread_key_t* key, void (*destroy)(void*)), (key, destroy))
OLD(int, pthread_key_delete, (pthread_key_t key), (key))
OLD(int, pthread_rwlock_rdlock, (pthread_rwlock_t* lock), (lock))
OLD(int, pthread_rwlock_wrlock, (pthread_rwlock_t* lock), (lock))
OLD(int, pthread_rwlock_unlock, (pthread_rwlock_t* lock), (lock))

/* Before 2.33 these were inline functions around others. The kernel's struct stat is glibc's. */
int fstat(int descriptor, struct stat* to) { return (int)syscall(SYS_fstat, descriptor, to); }
int fstatat(int folder, const char* path, struct stat* to, int flags) {
  return (int)syscall(SYS_newfstatat, folder, path, to, flags);
}
int stat(const char* path, struct stat* to) { return fstatat(AT_FDCWD, path, to, 0); }
int lstat(const char* path, struct stat* to) {
  return fstatat(AT_FDCWD, path, to, AT_SYMLINK_NOFOLLOW);
}

/* libstdc++ counts references without atomic operations where this is true. */
char __libc_single_threaded = 0;

/* std::runtime_error's move constructor, which libstdc++ has had since GCC 9: a copy does. */
void _ZNSt13runtime_errorC1ERKS_(void* to, const void* from);
void _ZNSt13runtime_errorC2ERKS_(void* to, const void* from);
void _ZNSt13runtime_errorC1EOS_(void* to, const void* from) { _ZNSt13runtime_errorC1ERKS_(to, from); }
void _ZNSt13runtime_errorC2EOS_(void* to, const void* from) { _ZNSt13runtime_errorC2ERKS_(to, from); }

/* std::__throw_bad_array_new_length, of GCC 11. */
void __cxa_throw_bad_array_new_length(void);
void _ZSt28__throw_bad_array_new_lengthv(void) { __cxa_throw_bad_array_new_length(); }

#ifdef OLD_GLIBC_PROGRAM
/* Since 2.34 glibc finds a program's constructors by itself; before, the program ran them. */
typedef int (*Main)(int, char**, char**);
typedef void (*Step)(int, char**, char**);
extern const Step __init_array_start[] __attribute__((visibility("hidden")));
extern const Step __init_array_end[] __attribute__((visibility("hidden")));
extern void _init(void);

static void construct(int count, char** arguments, char** environment) {
  _init();
  for (const Step* step = __init_array_start; step < __init_array_end; ++step)
    (*step)(count, arguments, environment);
}

extern int old_start(Main, int, char**, Step, void (*)(void), void (*)(void), void*);
__asm__(".symver old_start,__libc_start_main@GLIBC_2.2.5");
int __libc_start_main(Main program, int count, char** arguments, Step init, void (*fini)(void),
                      void (*loader_fini)(void), void* stack) {
  return old_start(program, count, arguments, init ? init : construct, fini, loader_fini, stack);
}
#endif
