/* Asks an HTTP/1.1 server on this machine for as much as it can give, and checks every answer.

   One thread, keep-alive connections, each with one request under way at a time. Status, Content-Length and
   Content-Range of each response are held against what was asked for (RFC 9110 §15.3.7); a response that is wrong
   counts as a fault and not as a request. Bodies are thrown away inside of the kernel (MSG_TRUNC, tcp(7)), so that
   reading costs less than sending, and the time that this program itself worked is part of what it prints: one JSON
   object, for the time that was measured, with times in microseconds.

   With a core of its own (--awake) it never sleeps: a virtual machine makes a server pay more for waking a processor
   than for a small answer, and a slower server for more of them. Clients elsewhere are woken by nobody's server.

   cc -O2 -o load load.c && ./load --port 8080 --work range --path /video.mp4 --length 536870912 --size 65536 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- what is asked for ---------------------------------------------------------------------------------------- */

enum work {
  RANGE,       /* --size bytes at a random place of a resource of --length bytes */
  WHOLE,       /* all --length bytes */
  CONDITIONAL, /* If-None-Match: --etag, answered with 304 */
  SEEK,        /* from a random place to the end, left with a reset after --size bytes */
  PACED,       /* from a random place to the end, read at --rate bytes a second, as a player does */
};
static const char *const WORK_NAMES[] = {"range", "whole", "conditional", "seek", "paced"};

static struct {
  enum work work;
  int port, connections;
  int is_awake; /* polls in place of sleeping */
  int max_segment; /* TCP_MAXSEG in bytes, 0 for what loopback has; 1448 is what Ethernet has */
  double warmup_seconds, seconds;
  const char *path, *etag;
  int64_t length, size;
  double rate;
  char *pids; /* the server's processes, with commas */
} options = {.connections = 16, .warmup_seconds = 0.3, .seconds = 2, .path = "/", .etag = "", .pids = ""};

#define TICK_SECONDS 0.1       /* how often a paced viewer reads */
#define ARRIVAL_SHARE 0.7      /* of the warm-up, in which paced viewers arrive one by one */
#define READS_PER_TURN 8       /* before the next connection gets its turn */
#define RECEIVE_BYTES (4 << 20)
#define HOPELESS_FAULTS 1000   /* without one good answer: the rest would be no better */

/* ---- what came of it ------------------------------------------------------------------------------------------ */

enum fault { CONNECT, STATUS, LENGTH, CONTENT_RANGE, MALFORMED, SURPLUS, CUT_OFF, FAULT_KINDS };
static const char *const FAULT_NAMES[] = {"connect", "status",  "length", "content_range",
                                          "malformed", "surplus", "cut_off"};

/* Latencies are counted in buckets that are at most 1/128 of their value wide. */
#define STEPS 128
static uint64_t latencies[STEPS * 64];

static struct {
  uint64_t requests, bytes, reconnections;
  uint64_t reads_due, reads_short; /* of paced viewers: how often they read, and found less than they wanted */
  double worst_lateness;           /* of paced viewers: how far this program was behind its own schedule */
} measured;
static uint64_t faults[FAULT_KINDS]; /* of the warm-up too */
static uint64_t good_answers;        /* likewise */
static bool is_measuring;
static double idle_seconds; /* spent polling in vain */

static double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int64_t random_below(int64_t limit) { /* xorshift64* (Vigna 2016) */
  static uint64_t state = 0x9E3779B97F4A7C15u;
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (int64_t)((state * 0x2545F4914F6CDD1Du >> 1) % (uint64_t)limit);
}

static void count_latency(double seconds) {
  uint64_t value = (uint64_t)(seconds * 1e6);
  int shift = value < STEPS ? 0 : 63 - __builtin_clzll(value) - 7;
  latencies[(uint64_t)shift * STEPS + (value >> shift)]++;
}

static uint64_t latency_quantile(double share) {
  if (!measured.requests) return 0;
  uint64_t seen = 0, wanted = (uint64_t)(share * (double)(measured.requests - 1)) + 1;
  for (uint64_t bucket = 0; bucket < STEPS * 64; bucket++) {
    seen += latencies[bucket];
    if (seen >= wanted) {
      uint64_t shift = bucket < 2 * STEPS ? 0 : bucket / STEPS - 1;
      return ((bucket - shift * STEPS) << shift) + (((uint64_t)1 << shift) >> 1);
    }
  }
  return 0;
}

/* ---- connections ---------------------------------------------------------------------------------------------- */

struct connection {
  int socket; /* -1 before a paced viewer arrives */
  enum { CONNECTING, HEAD, BODY } state;
  bool is_fresh;       /* nothing was received on it yet */
  int64_t first, last; /* the byte range that was asked for */
  int64_t left, got;   /* bytes of the body */
  double asked_at;
  size_t head_filled;
  char head[4096];
};
static struct connection *connections;
static int poller;

static _Noreturn void fail(const char *what) {
  perror(what);
  exit(2);
}

static void start_connecting(struct connection *c) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
  int yes = 1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->socket < 0) fail("socket");
  setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (options.max_segment)
    setsockopt(c->socket, IPPROTO_TCP, TCP_MAXSEG, &options.max_segment, sizeof options.max_segment);
  c->state = CONNECTING;
  c->is_fresh = true;
  if (connect(c->socket, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) fail("connect");
  if (options.work != PACED) {
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->socket, &event);
  }
}

static void reconnect(struct connection *c, bool with_reset) {
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  if (with_reset) setsockopt(c->socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(c->socket);
  if (is_measuring) measured.reconnections++;
  start_connecting(c);
}

static void count_fault(struct connection *c, enum fault kind) {
  static uint64_t total;
  if (!faults[kind]++) fprintf(stderr, "fault (%s): %.*s\n", FAULT_NAMES[kind], (int)c->head_filled, c->head);
  if (++total >= HOPELESS_FAULTS && !good_answers) {
    fprintf(stderr, "no good answer, %d faults\n", HOPELESS_FAULTS);
    exit(1);
  }
  reconnect(c, true);
}

static void ask(struct connection *c) {
  char request[1024], condition[512] = "";
  c->first = 0;
  c->last = options.length - 1;
  if (options.work == RANGE) {
    c->first = random_below(options.length - options.size + 1);
    c->last = c->first + options.size - 1;
    snprintf(condition, sizeof condition, "Range: bytes=%ld-%ld\r\n", (long)c->first, (long)c->last);
  } else if (options.work == SEEK || options.work == PACED) {
    c->first = random_below(options.length / 2);
    snprintf(condition, sizeof condition, "Range: bytes=%ld-\r\n", (long)c->first);
  } else if (options.work == CONDITIONAL) {
    snprintf(condition, sizeof condition, "If-None-Match: %s\r\n", options.etag);
  }
  int count = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Mozilla/5.0 (bench)\r\n"
                       "Accept: */*\r\nAccept-Encoding: identity\r\n%s\r\n",
                       options.path, condition);
  c->state = HEAD;
  c->head_filled = 0;
  c->got = 0;
  c->asked_at = now_seconds();
  if (send(c->socket, request, (size_t)count, MSG_NOSIGNAL) != count) {
    if (c->is_fresh) count_fault(c, CUT_OFF);
    else reconnect(c, false); /* the server had closed an idle connection, as it may */
  }
}

/* Ask, once the connection is there; return whether it was asked. */
static bool finish_connecting(struct connection *c) {
  struct pollfd waiting = {.fd = c->socket, .events = POLLOUT};
  int error = 0;
  socklen_t size = sizeof error;
  if (poll(&waiting, 1, 0) == 0) return false;
  getsockopt(c->socket, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) {
    count_fault(c, CONNECT);
    return false;
  }
  if (options.work != PACED) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->socket, &event);
  }
  ask(c);
  return c->state == HEAD;
}

/* ---- responses ------------------------------------------------------------------------------------------------ */

struct head {
  int status;
  long long length;             /* Content-Length, -1 without */
  long long first, last, total; /* Content-Range, -1 without */
};

/* Read a head that ends in a NUL; return whether it is one. */
static bool parse_head(char *text, struct head *head) {
  char *rest = NULL;
  char *line = strtok_r(text, "\r\n", &rest);
  *head = (struct head){.length = -1, .first = -1, .last = -1, .total = -1};
  if (!line || sscanf(line, "HTTP/1.1 %3d", &head->status) != 1) return false;
  while ((line = strtok_r(NULL, "\r\n", &rest))) {
    char *value = strchr(line, ':');
    char extra;
    if (!value) return false;
    *value++ = 0;
    if (!strcasecmp(line, "transfer-encoding")) return false;
    if (!strcasecmp(line, "content-length") && sscanf(value, " %lld %c", &head->length, &extra) != 1) return false;
    if (!strcasecmp(line, "content-range") &&
        sscanf(value, " bytes %lld-%lld/%lld %c", &head->first, &head->last, &head->total, &extra) != 3)
      return false;
  }
  return true;
}

/* Return what is wrong with an answer to what was asked, FAULT_KINDS if nothing is. */
static enum fault judge(const struct connection *c, const struct head *head) {
  bool is_partial = options.work == RANGE || options.work == SEEK || options.work == PACED;
  if (head->status != (is_partial ? 206 : options.work == CONDITIONAL ? 304 : 200)) return STATUS;
  if (options.work == CONDITIONAL) return FAULT_KINDS; /* its Content-Length is that of a 200 (RFC 9110 §8.6) */
  if (head->length != c->last - c->first + 1) return LENGTH;
  if (is_partial && (head->first != c->first || head->last != c->last || head->total != options.length))
    return CONTENT_RANGE;
  return FAULT_KINDS;
}

static void finish(struct connection *c) {
  good_answers++;
  if (is_measuring) {
    measured.requests++;
    count_latency(now_seconds() - c->asked_at);
  }
  if (options.work == SEEK) reconnect(c, true);
  else ask(c);
}

static void count_body(struct connection *c, int64_t count) {
  c->left -= count;
  c->got += count;
  if (is_measuring) measured.bytes += (uint64_t)count;
}

/* Take in what a recv() brought while the head was being read; return false if the connection was given up. */
static bool take_head(struct connection *c, size_t count) {
  struct head head;
  c->head_filled += count;
  char *end = memmem(c->head, c->head_filled, "\r\n\r\n", 4);
  if (!end) {
    if (c->head_filled < sizeof c->head) return true;
    count_fault(c, MALFORMED);
    return false;
  }
  char copy[sizeof c->head];
  size_t head_length = (size_t)(end - c->head) + 4;
  memcpy(copy, c->head, head_length);
  copy[head_length - 2] = 0;
  enum fault found = parse_head(copy, &head) ? judge(c, &head) : MALFORMED;
  int64_t beyond = (int64_t)(c->head_filled - head_length);
  c->left = options.work == CONDITIONAL ? 0 : head.length;
  if (found == FAULT_KINDS && beyond > c->left) found = SURPLUS;
  if (found != FAULT_KINDS) {
    count_fault(c, found);
    return false;
  }
  c->state = BODY;
  count_body(c, beyond);
  return true;
}

/* Receive up to `quota` bytes of bodies, in a few steps; return how many it were. */
static int64_t receive(struct connection *c, int64_t quota) {
  static char nowhere[RECEIVE_BYTES];
  int64_t before = quota;
  for (int turn = 0; turn < READS_PER_TURN && quota > 0; turn++) {
    bool is_head = c->state == HEAD;
    int64_t most = is_head ? (int64_t)(sizeof c->head - c->head_filled) : c->left < quota ? c->left : quota;
    ssize_t count = is_head ? recv(c->socket, c->head + c->head_filled, (size_t)most, 0)
                            : recv(c->socket, nowhere, most < RECEIVE_BYTES ? (size_t)most : RECEIVE_BYTES, MSG_TRUNC);
    if (count < 0 && errno == EAGAIN) break;
    if (count <= 0) {
      /* A server may close a connection between two responses; in all other places something was lost. */
      if (is_head && c->head_filled == 0 && !c->is_fresh) reconnect(c, false);
      else count_fault(c, CUT_OFF);
      break;
    }
    c->is_fresh = false;
    if (is_head) {
      if (!take_head(c, (size_t)count)) break;
      quota -= c->got;
    } else {
      count_body(c, count);
      quota -= count;
    }
    if (c->state == BODY && (c->left == 0 || (options.work == SEEK && c->got >= options.size))) {
      finish(c);
      break;
    }
  }
  return before - quota;
}

/* ---- the server's processes ----------------------------------------------------------------------------------- */

struct usage {
  double own_cpu, server_cpu; /* seconds */
  double resident;            /* bytes, of the server's processes */
  double tcp_memory;          /* bytes that the kernel holds for all TCP connections of this machine */
};

/* Read a small file into a text; return an empty one for a file that is not there. */
static const char *text_of(const char *file) {
  static char text[4096];
  FILE *source = fopen(file, "r");
  text[source ? fread(text, 1, sizeof text - 1, source) : 0] = 0;
  if (source) fclose(source);
  return text;
}

static void add_process(struct usage *usage, const char *pid) {
  char file[64];
  long user = 0, system = 0, pages = 0;
  snprintf(file, sizeof file, "/proc/%s/stat", pid);
  /* proc(5): the name, in brackets, can hold anything; utime and stime are the fields 14 and 15. */
  const char *behind_name = strrchr(text_of(file), ')');
  if (behind_name)
    sscanf(behind_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system);
  snprintf(file, sizeof file, "/proc/%s/statm", pid);
  sscanf(text_of(file), "%*d %ld", &pages);
  usage->server_cpu += (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
  usage->resident += (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static struct usage usage_now(void) {
  struct rusage own;
  struct usage usage = {0};
  char *rest = NULL, *pids = strdup(options.pids);
  for (char *pid = strtok_r(pids, ",", &rest); pid; pid = strtok_r(NULL, ",", &rest)) add_process(&usage, pid);
  free(pids);
  getrusage(RUSAGE_SELF, &own);
  usage.own_cpu = (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec);
  usage.own_cpu += (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) * 1e-6 - idle_seconds;
  const char *sockets = strstr(text_of("/proc/net/sockstat"), "TCP:");
  long pages = 0;
  if (sockets) sscanf(sockets, "TCP: inuse %*d orphan %*d tw %*d alloc %*d mem %ld", &pages);
  usage.tcp_memory = (double)pages * (double)sysconf(_SC_PAGESIZE);
  return usage;
}

/* ---- the two ways of waiting ---------------------------------------------------------------------------------- */

static double begun_at, measure_from, measure_until;
static struct usage usage_before, usage_at_start, usage_at_end;

static bool goes_on(double now) {
  if (!is_measuring && now >= measure_from) {
    is_measuring = true;
    measure_from = now;
    usage_at_start = usage_now();
  }
  return now < measure_until;
}

/* As fast as the server can. */
static void run_eager(void) {
  struct epoll_event events[256];
  for (int i = 0; i < options.connections; i++) start_connecting(&connections[i]);
  for (double now; goes_on(now = now_seconds());) {
    int count = epoll_wait(poller, events, 256, options.is_awake ? 0 : 20);
    if (!count && options.is_awake) idle_seconds += now_seconds() - now;
    for (int i = 0; i < count; i++) {
      struct connection *c = events[i].data.ptr;
      if (c->state == CONNECTING) finish_connecting(c);
      else receive(c, INT64_MAX);
    }
  }
}

/* Each viewer reads once a tick, no more than is due; all have the same tick, so their order never changes. */
static void run_paced(void) {
  int64_t quota = (int64_t)(options.rate * TICK_SECONDS);
  double arrival_seconds = options.warmup_seconds * ARRIVAL_SHARE;
  for (int i = 0; i < options.connections; i++) connections[i].socket = -1;
  for (int64_t turn = 0;; turn++) {
    int viewer = (int)(turn % options.connections);
    struct connection *c = &connections[viewer];
    double due = begun_at + (double)turn * TICK_SECONDS / options.connections;
    double now = now_seconds();
    if (now < due) {
      usleep((useconds_t)((due - now) * 1e6) + 500); /* several viewers at once cost fewer wake-ups */
      now = now_seconds();
    }
    if (!goes_on(now)) return;
    if (c->socket < 0) {
      if (now >= begun_at + arrival_seconds * viewer / options.connections) start_connecting(c);
      continue;
    }
    int64_t count = c->state == CONNECTING && !finish_connecting(c) ? 0 : receive(c, quota);
    if (is_measuring) {
      measured.reads_due++;
      if (count < quota) measured.reads_short++;
      if (now - due > measured.worst_lateness) measured.worst_lateness = now - due;
    }
  }
}

/* ---- the command line ----------------------------------------------------------------------------------------- */

static void print_result(double seconds) {
  printf("{\"seconds\":%.4f,\"requests\":%lu,\"bytes\":%lu,\"reconnections\":%lu", seconds, measured.requests,
         measured.bytes, measured.reconnections);
  printf(",\"latency_p50\":%lu,\"latency_p90\":%lu,\"latency_p99\":%lu,\"latency_max\":%lu", latency_quantile(0.5),
         latency_quantile(0.9), latency_quantile(0.99), latency_quantile(1));
  printf(",\"reads_due\":%lu,\"reads_short\":%lu,\"worst_lateness\":%.0f", measured.reads_due, measured.reads_short,
         measured.worst_lateness * 1e6);
  printf(",\"load_cpu_seconds\":%.4f,\"server_cpu_seconds\":%.4f", usage_at_end.own_cpu - usage_at_start.own_cpu,
         usage_at_end.server_cpu - usage_at_start.server_cpu);
  printf(",\"resident_before\":%.0f,\"resident_after\":%.0f", usage_before.resident, usage_at_end.resident);
  printf(",\"tcp_memory_before\":%.0f,\"tcp_memory_after\":%.0f", usage_before.tcp_memory, usage_at_end.tcp_memory);
  for (int kind = 0; kind < FAULT_KINDS; kind++)
    printf("%s\"%s\":%lu", kind ? "," : ",\"faults\":{", FAULT_NAMES[kind], faults[kind]);
  printf("}}\n");
}

static const struct option LONG_OPTIONS[] = {
    {"port", 1, 0, 'p'},    {"work", 1, 0, 'w'}, {"path", 1, 0, 'u'},   {"connections", 1, 0, 'c'},
    {"seconds", 1, 0, 'd'}, {"warmup", 1, 0, 'W'}, {"length", 1, 0, 'l'}, {"size", 1, 0, 's'},
    {"etag", 1, 0, 'e'},    {"rate", 1, 0, 'r'}, {"mss", 1, 0, 'm'},    {"pids", 1, 0, 'P'},
    {"awake", 1, 0, 'a'},   {0}};

static enum work work_named(const char *name) {
  for (size_t i = 0; i < sizeof WORK_NAMES / sizeof *WORK_NAMES; i++)
    if (!strcmp(name, WORK_NAMES[i])) return (enum work)i;
  fprintf(stderr, "no such work: %s\n", name);
  exit(2);
}

static void read_options(int count, char **words) {
  for (int found; (found = getopt_long(count, words, "", LONG_OPTIONS, NULL)) != -1;) {
    switch (found) {
      case 'p': options.port = atoi(optarg); break;
      case 'w': options.work = work_named(optarg); break;
      case 'u': options.path = optarg; break;
      case 'c': options.connections = atoi(optarg); break;
      case 'd': options.seconds = atof(optarg); break;
      case 'W': options.warmup_seconds = atof(optarg); break;
      case 'l': options.length = atoll(optarg); break;
      case 's': options.size = atoll(optarg); break;
      case 'e': options.etag = optarg; break;
      case 'r': options.rate = atof(optarg); break;
      case 'm': options.max_segment = atoi(optarg); break;
      case 'a': options.is_awake = atoi(optarg); break;
      case 'P': options.pids = optarg; break;
      default: exit(2);
    }
  }
  if (options.length < options.size || (options.work != CONDITIONAL && options.length < 2)) {
    fprintf(stderr, "--length is what the resource has, and no less than --size\n");
    exit(2);
  }
}

int main(int count, char **words) {
  read_options(count, words);
  connections = calloc((size_t)options.connections, sizeof *connections);
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (!connections || poller < 0) fail("start");
  begun_at = now_seconds();
  measure_from = begun_at + options.warmup_seconds;
  measure_until = measure_from + options.seconds;
  usage_before = usage_now();
  if (options.work == PACED) run_paced();
  else run_eager();
  usage_at_end = usage_now();
  print_result(now_seconds() - measure_from);
  return 0;
}
