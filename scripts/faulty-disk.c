/*
 * Makes calls on files fail, preloaded into a process (ld.so(8), LD_PRELOAD) by the tests. The file that the variable
 * FAULTS names holds one line,
 *   CALL PATHPART ERRNO SKIP
 * and from the SKIPth call on, every CALL on a file whose path contains PATHPART fails. Calls are counted anew when the line
 * is another; each failure adds a byte to the file of that name with ".hits" behind it. Without headers, so that a compiler is
 * all it takes.
 */
typedef unsigned long size_t;
typedef long ssize_t;

extern void *dlsym(void *, const char *);
extern char *getenv(const char *);
extern char *strstr(const char *, const char *);
extern int strcmp(const char *, const char *);
extern char *strcpy(char *, const char *);
extern int sscanf(const char *, const char *, ...);
extern int snprintf(char *, size_t, const char *, ...);
extern ssize_t read(int, void *, size_t);
extern ssize_t write(int, const void *, size_t);
extern ssize_t readlink(const char *, char *, size_t);
extern int close(int);
extern int *__errno_location(void);

#define NEXT(name) dlsym((void *)-1L, #name)
#define O_WRONLY 01
#define O_CREAT 0100
#define O_APPEND 02000

static char known[256];
static int calls;

static int fails(const char *call, const char *path) {
  char line[256], expected[32], part[128];
  int error, skip, length, control;
  int (*next_open)(const char *, int, ...) = NEXT(open64);
  const char *name = getenv("FAULTS");
  if (!name) return 0;
  control = next_open(name, 0);
  if (control < 0) return 0;
  length = (int)read(control, line, sizeof line - 1);
  close(control);
  if (length <= 0) return 0;
  line[length] = 0;
  if (sscanf(line, "%31s %127s %d %d", expected, part, &error, &skip) != 4) return 0;
  if (strcmp(expected, call) != 0 || !strstr(path, part)) return 0;
  if (strcmp(line, known) != 0) {
    strcpy(known, line);
    calls = 0;
  }
  if (__sync_fetch_and_add(&calls, 1) < skip) return 0;
  snprintf(part, sizeof part, "%s.hits", name);
  control = next_open(part, O_WRONLY | O_CREAT | O_APPEND, 0644);
  write(control, "x", 1);
  close(control);
  *__errno_location() = error;
  return 1;
}

static int fd_fails(const char *call, int fd) {
  char link[32], path[512];
  ssize_t length;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails(call, path);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, long at) {
  ssize_t (*next)(int, const void *, size_t, long) = NEXT(pwrite64);
  return fd_fails("pwrite", fd) ? -1 : next(fd, bytes, length, at);
}

#define ON_FD(name, call, parameters, arguments)                                                                          \
  int name parameters {                                                                                                  \
    int(*next) parameters = NEXT(name);                                                                                  \
    return fd_fails(call, fd) ? -1 : next arguments;                                                                     \
  }

ON_FD(fsync, "fsync", (int fd), (fd))
ON_FD(fdatasync, "fdatasync", (int fd), (fd))
ON_FD(ftruncate, "ftruncate", (int fd, long length), (fd, length))
ON_FD(ftruncate64, "ftruncate", (int fd, long length), (fd, length))
ON_FD(fchmod, "fchmod", (int fd, unsigned mode), (fd, mode))
ON_FD(futimens, "futimens", (int fd, const void *times), (fd, times))

int rename(const char *from, const char *to) {
  int (*next)(const char *, const char *) = NEXT(rename);
  return fails("rename", from) ? -1 : next(from, to);
}

int mkdir(const char *path, unsigned mode) {
  int (*next)(const char *, unsigned) = NEXT(mkdir);
  return fails("mkdir", path) ? -1 : next(path, mode);
}
