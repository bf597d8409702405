/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <valgrind/valgrind.h>

/*
 * Preloaded under valgrind, for two things that it does not do by itself.
 *
 * It runs one thread at a time and lets the others go on only during system calls of which it knows that they block. Up
 * to 3.19 it does not know that of F_OFD_SETLKW: a candidate that waits for the lock would stop its whole process. So here
 * the waiting is a loop of short sleeps. Like the system call, the sleep is a cancellation point. (What is lost is that
 * the kernel knows of the waiter: /proc/locks does not show it, and it is not woken in its turn.)
 *
 * A child made by fork() that ends with _exit() did not lose the memory that it inherited: no leak check there. Programs
 * that it executes are checked again.
 */

static int
fcntl_without_blocking (int fd, int command, void *argument)
{
  const struct timespec nap = { .tv_nsec = 1000 * 1000 };

  if (command != F_OFD_SETLKW)
    return (int) syscall (SYS_fcntl, fd, command, argument);

  while (syscall (SYS_fcntl, fd, F_OFD_SETLK, argument) != 0) {
    if (errno != EAGAIN && errno != EACCES)
      return -1;
    nanosleep (&nap, NULL);
  }
  return 0;
}

int
fcntl (int fd, int command, ...)
{
  va_list arguments;
  void *argument;

  va_start (arguments, command);
  argument = va_arg (arguments, void *);
  va_end (arguments);
  return fcntl_without_blocking (fd, command, argument);
}

int
fcntl64 (int fd, int command, ...)
{
  va_list arguments;
  void *argument;

  va_start (arguments, command);
  argument = va_arg (arguments, void *);
  va_end (arguments);
  return fcntl_without_blocking (fd, command, argument);
}

static void
check_no_leaks (void)
{
  VALGRIND_CLO_CHANGE ("--leak-check=no");
}

__attribute__ ((constructor)) static void
watch_forks (void)
{
  pthread_atfork (NULL, NULL, check_no_leaks);
}
