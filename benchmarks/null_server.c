/* An S3 server that does as little as one can: what is measured against it is the client.
 *
 *     cc -O2 -o null_server null_server.c [-DTLS -lssl -lcrypto]
 *     ./null_server [CERTIFICATE KEY]      prints "PORT [TLS_PORT]"; ends with its standard input
 *
 * It keeps of each object its size, ETag and user metadata, so its memory does not grow with what is sent; bodies are
 * thrown away, and signatures are not looked at. ETags are MD5s: the one that Content-MD5 names, which is believed, or one
 * that is computed. A part without Content-MD5 that begins as one that was seen before, with the same key, number and
 * length, is taken for the same, as computing its MD5 again would cost more than sending it does. One thread, as the
 * clients need the other cores.
 *
 * What the benchmark asks of it, not counted and not delayed (null_server.py knows the same):
 *     /__/stats              the counts of requests by operation, bytes, connections, seconds of processor time
 *     /__/reset              counts from 0
 *     /__/latency?ms=25      each answer waits so long, without holding up others
 *     /__/load?bucket=B&file=F   objects from lines "key TAB size TAB md5"
 *     /__/count?bucket=B     how many objects and bytes a bucket holds
 *     /__/drop?bucket=B      forgets a bucket
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
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
#ifdef TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

#define HEAD_MAX 65536
#define BODY_READ (1 << 20)
#define TEXT_MAX 4096

/* ---- MD5 (RFC 1321) ---- */

typedef struct { uint32_t s[4]; uint64_t length; unsigned char block[64]; } Md5;

static const uint32_t md5_k[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af,
    0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa,
    0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
    0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244, 0x432aff97,
    0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
    0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
static const unsigned char md5_r[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static void md5_block(Md5 *m, const unsigned char *p) {
    uint32_t a = m->s[0], b = m->s[1], c = m->s[2], d = m->s[3], w[16];
    memcpy(w, p, 64); /* little endian, as all machines are that this is meant for */
#pragma GCC unroll 64
    for (int i = 0; i < 64; i++) {
        uint32_t f;
        int g;
        if (i < 16) { f = d ^ (b & (c ^ d)); g = i; }
        else if (i < 32) { f = c ^ (d & (b ^ c)); g = (5 * i + 1) & 15; }
        else if (i < 48) { f = b ^ c ^ d; g = (3 * i + 5) & 15; }
        else { f = c ^ (b | ~d); g = (7 * i) & 15; }
        uint32_t t = a + f + md5_k[i] + w[g];
        int r = md5_r[i / 16][i & 3];
        a = d; d = c; c = b;
        b += (t << r) | (t >> (32 - r));
    }
    m->s[0] += a; m->s[1] += b; m->s[2] += c; m->s[3] += d;
}

static void md5_start(Md5 *m) {
    m->s[0] = 0x67452301; m->s[1] = 0xefcdab89; m->s[2] = 0x98badcfe; m->s[3] = 0x10325476;
    m->length = 0;
}

static void md5_add(Md5 *m, const unsigned char *p, size_t n) {
    size_t have = m->length & 63;
    m->length += n;
    if (have) {
        size_t k = 64 - have < n ? 64 - have : n;
        memcpy(m->block + have, p, k);
        p += k; n -= k;
        if (have + k < 64) return;
        md5_block(m, m->block);
    }
    for (; n >= 64; p += 64, n -= 64) md5_block(m, p);
    memcpy(m->block, p, n);
}

static void md5_end(Md5 *m, unsigned char out[16]) {
    uint64_t bits = m->length * 8;
    static const unsigned char pad[64] = {0x80};
    md5_add(m, pad, 1 + ((119 - (m->length & 63)) & 63));
    md5_add(m, (unsigned char *)&bits, 8);
    memcpy(out, m->s, 16);
}

/* ---- Objects ---- */

typedef struct Object {
    struct Object *next;      /* in its chain of the table */
    char *path;               /* bucket/key */
    char *metadata;           /* header lines, or NULL */
    uint64_t size;
    time_t modified;
    uint32_t parts;           /* 0: sent in one request */
    unsigned char md5[16];
    char gone;
} Object;

static Object **table, **sorted;
static size_t table_size, objects, sorted_count, sorted_room, fresh; /* the last `fresh` of `sorted` are not in order yet */
static int some_gone;

static size_t hash(const char *s) {
    uint64_t h = 1469598103934665603ULL;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211ULL;
    return h ^ (h >> 29);
}

static Object *find(const char *path) {
    if (!table_size) return NULL;
    Object *o = table[hash(path) & (table_size - 1)];
    while (o && strcmp(o->path, path)) o = o->next;
    return o;
}

static void grow_table(void) {
    size_t size = table_size ? table_size * 2 : 1024;
    Object **bigger = calloc(size, sizeof *bigger);
    for (size_t i = 0; i < table_size; i++)
        for (Object *o = table[i], *next; o; o = next) {
            size_t at = hash(o->path) & (size - 1);
            next = o->next;
            o->next = bigger[at];
            bigger[at] = o;
        }
    free(table);
    table = bigger;
    table_size = size;
}

static Object *store(const char *path, uint64_t size, const unsigned char md5[16], uint32_t parts) {
    Object *o = find(path);
    if (!o) {
        if (objects >= table_size) grow_table();
        o = calloc(1, sizeof *o);
        o->path = strdup(path);
        size_t at = hash(path) & (table_size - 1);
        o->next = table[at];
        table[at] = o;
        objects++;
        if (sorted_count == sorted_room) {
            sorted_room = sorted_room ? sorted_room * 2 : 1024;
            sorted = realloc(sorted, sorted_room * sizeof *sorted);
        }
        sorted[sorted_count++] = o;
        fresh++;
    }
    free(o->metadata);
    o->metadata = NULL;
    o->size = size;
    o->parts = parts;
    o->modified = time(NULL);
    memcpy(o->md5, md5, 16);
    return o;
}

static void forget(Object *gone) {
    Object **at = &table[hash(gone->path) & (table_size - 1)];
    while (*at != gone) at = &(*at)->next;
    *at = gone->next;
    gone->gone = 1; /* freed by `settle`, as `sorted` still points to it */
    some_gone = 1;
    objects--;
}

static int by_path(const void *a, const void *b) { return strcmp((*(Object **)a)->path, (*(Object **)b)->path); }

/* Brings `sorted` in order: what came since the last time is sorted and merged. */
static void settle(void) {
    if (some_gone) {
        size_t kept = 0, kept_fresh = 0;
        for (size_t i = 0; i < sorted_count; i++) {
            Object *o = sorted[i];
            if (o->gone) { free(o->path); free(o->metadata); free(o); continue; }
            if (i >= sorted_count - fresh) kept_fresh++;
            sorted[kept++] = o;
        }
        sorted_count = kept;
        fresh = kept_fresh;
        some_gone = 0;
    }
    if (!fresh) return;
    size_t old = sorted_count - fresh, i = old, j = fresh, k = sorted_count;
    qsort(sorted + old, fresh, sizeof *sorted, by_path);
    Object **added = malloc(fresh * sizeof *added);
    memcpy(added, sorted + old, fresh * sizeof *added);
    while (j) sorted[--k] = i && strcmp(sorted[i - 1]->path, added[j - 1]->path) > 0 ? sorted[--i] : added[--j];
    free(added);
    fresh = 0;
}

/* The first in order that is not below `path`; with `beyond`, that is above it. */
static size_t position(const char *path, int beyond) {
    size_t low = 0, high = sorted_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(sorted[middle]->path, path);
        if (order < 0 || (beyond && !order)) low = middle + 1;
        else high = middle;
    }
    return low;
}

static void etag_of(const Object *o, char out[48]) {
    for (int i = 0; i < 16; i++) sprintf(out + 2 * i, "%02x", o->md5[i]);
    if (o->parts) sprintf(out + 32, "-%u", o->parts);
}

/* ---- Uploads in parts ---- */

typedef struct Part { struct Part *next; unsigned number; uint64_t size; unsigned char md5[16]; } Part;
typedef struct Upload { struct Upload *next; unsigned long id; char *metadata; Part *parts; } Upload;

static Upload *uploads;
static unsigned long last_upload;

static Upload *upload_of(const char *id) {
    unsigned long number = strtoul(id, NULL, 10);
    Upload *u = uploads;
    while (u && u->id != number) u = u->next;
    return u;
}

static void end_upload(Upload *gone) {
    Upload **at = &uploads;
    while (*at != gone) at = &(*at)->next;
    *at = gone->next;
    for (Part *p = gone->parts, *next; p; p = next) { next = p->next; free(p); }
    free(gone->metadata);
    free(gone);
}

static void add_part(Upload *u, unsigned number, uint64_t size, const unsigned char md5[16]) {
    Part **at = &u->parts;
    while (*at && (*at)->number < number) at = &(*at)->next;
    if (!*at || (*at)->number != number) {
        Part *added = calloc(1, sizeof *added);
        added->next = *at;
        added->number = number;
        *at = added;
    }
    (*at)->size = size;
    memcpy((*at)->md5, md5, 16);
}

/* The MD5s of parts that were seen. */
#define BEGINNING 32
typedef struct Seen { struct Seen *next; uint64_t mark; unsigned char md5[16]; } Seen;
static Seen *seen[4096];

static Seen *seen_before(uint64_t mark) {
    Seen *s = seen[mark & 4095];
    while (s && s->mark != mark) s = s->next;
    return s;
}

static void remember(uint64_t mark, const unsigned char md5[16]) {
    Seen *s = calloc(1, sizeof *s);
    s->mark = mark;
    memcpy(s->md5, md5, 16);
    s->next = seen[mark & 4095];
    seen[mark & 4095] = s;
}

/* ---- Counts ---- */

enum { PUT, PART, CREATE, COMPLETE, ABORT, COPY, HEAD, LIST, GET, DELETE, HEAD_BUCKET, CREATE_BUCKET, OTHER, REFUSED,
       CONNECTIONS, BYTES, KINDS };
static const char *kinds[KINDS] = {
    "PutObject", "UploadPart", "CreateMultipartUpload", "CompleteMultipartUpload", "AbortMultipartUpload", "CopyObject",
    "HeadObject", "ListObjects", "GetObject", "DeleteObject", "HeadBucket", "CreateBucket", "other", "refused",
    "connections", "bytes"};
static uint64_t counts[KINDS];
static uint64_t latency; /* microseconds */

/* ---- Connections ---- */

typedef struct { int state; uint64_t left; int seen; } Chunks;
enum { SIZE, EXTENSION, DATA, AFTER_DATA, TRAILER, END };
enum { READ_HEAD, READ_BODY, WAIT, WRITE };

typedef struct Connection {
    struct Connection *next; /* among those that wait for their time */
    int fd, state, closing, dead, muted;
#ifdef TLS
    SSL *ssl;
#endif
    char *in;
    size_t have;
    char *out;
    size_t out_length, out_room, written;
    uint64_t due;
    /* the request */
    char method[8], target[TEXT_MAX], path[TEXT_MAX], *query;
    char *metadata;
    size_t metadata_length;
    uint64_t left, size;
    Chunks http, aws;
    int chunked, aws_chunked, hashes, knows_md5, only_new, part;
    uint64_t length, mark; /* of a part, once it has begun */
    char if_match[64], copy_source[TEXT_MAX];
    unsigned char md5[16];
    Md5 hash;
} Connection;

static int polling;
static Connection *first_waiting, *last_waiting;
static char body[BODY_READ];

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

static void add(Connection *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(Connection *c, const char *format, ...) {
    for (;;) {
        size_t room = c->out_room - c->out_length;
        va_list list;
        va_start(list, format);
        int n = vsnprintf(c->out ? c->out + c->out_length : NULL, room, format, list);
        va_end(list);
        if ((size_t)n < room) { c->out_length += n; return; }
        c->out_room = c->out_room * 2 + n + 512;
        c->out = realloc(c->out, c->out_room);
    }
}

/* The answer is what has been added since `start`, which `add` has left room for by `begin_body`. */
#define HEAD_ROOM 256
static size_t begin_body(Connection *c) {
    add(c, "%*s", HEAD_ROOM, "");
    return c->out_length;
}

static void end_body(Connection *c, size_t start, const char *status) {
    char head[HEAD_ROOM];
    int n = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Type: application/xml\r\nContent-Length: %zu\r\n\r\n",
                     status, c->out_length - start);
    memcpy(c->out + start - n, head, n);
    c->written = start - n;
}

static void refuse(Connection *c, const char *status, const char *code) {
    counts[REFUSED]++;
    if (!strcmp(c->method, "HEAD")) { add(c, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status); return; }
    size_t start = begin_body(c);
    add(c, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>%s</Message></Error>", code, code);
    end_body(c, start, status);
}

/* ---- Text ---- */

static int hex(int ch) { return isdigit(ch) ? ch - '0' : (ch | 32) - 'a' + 10; }

static void decode(char *s, int plus) {
    char *to = s;
    for (; *s; s++) {
        if (*s == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2])) {
            *to++ = hex((unsigned char)s[1]) * 16 + hex((unsigned char)s[2]);
            s += 2;
        } else *to++ = *s == '+' && plus ? ' ' : *s;
    }
    *to = 0;
}

/* Whether the query has this parameter; its value, decoded, is then in `value`. */
static int parameter(const char *query, const char *name, char *value) {
    size_t length = strlen(name);
    *value = 0;
    for (const char *at = query; at && *at; at = strchr(at, '&'), at += at != NULL) {
        if (strncmp(at, name, length) || (at[length] && at[length] != '=' && at[length] != '&')) continue;
        if (at[length] == '=') {
            size_t n = strcspn(at + length + 1, "&");
            if (n >= TEXT_MAX) n = TEXT_MAX - 1;
            memcpy(value, at + length + 1, n);
            value[n] = 0;
            decode(value, 1);
        }
        return 1;
    }
    return 0;
}

static void add_key(Connection *c, const char *key, size_t n, int url) {
    char text[6 * 1100 + 1], *to = text;
    for (size_t i = 0; i < n && i < 1100; i++) {
        unsigned char ch = key[i];
        if (url && !isalnum(ch) && !strchr("-._~/*", ch)) to += sprintf(to, "%%%02X", ch);
        else if (ch == '&') to += sprintf(to, "&amp;");
        else if (ch == '<') to += sprintf(to, "&lt;");
        else if (ch == '>') to += sprintf(to, "&gt;");
        else *to++ = ch;
    }
    *to = 0;
    add(c, "%s", text);
}

static int unbase64(const char *text, unsigned char out[16]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    int have = 0, n = 0;
    for (; n < 16; text++) {
        const char *at = *text ? strchr(digits, *text) : NULL;
        if (!at) return 0;
        bits = bits << 6 | (at - digits);
        if ((have += 6) >= 8) { have -= 8; out[n++] = bits >> have; }
    }
    return 1;
}

/* ---- Answers ---- */

static void list(Connection *c) {
    static char prefix[TEXT_MAX], delimiter[TEXT_MAX], after[TEXT_MAX], value[TEXT_MAX], start[2 * TEXT_MAX], group[TEXT_MAX];
    const char *q = c->query;
    int v2 = parameter(q, "list-type", value), url = parameter(q, "encoding-type", value), most = 1000, n = 0;
    size_t bucket = strcspn(c->path, "/");
    if (parameter(q, "max-keys", value) && atoi(value) < most) most = atoi(value);
    parameter(q, "prefix", prefix);
    parameter(q, "delimiter", delimiter);
    if (!parameter(q, v2 ? "continuation-token" : "marker", after)) parameter(q, "start-after", after);
    settle();
    snprintf(start, sizeof start, "%.*s/%s", (int)bucket, c->path, prefix);
    size_t at = position(start, 0), matches = strlen(start), skip = bucket + 1;
    if (*after) {
        snprintf(value, sizeof value, "%.*s/%.3000s", (int)bucket, c->path, after);
        size_t from = position(value, 1);
        if (from > at) at = from;
        size_t length = strlen(value); /* after a common prefix: beyond all that it stands for */
        if (*delimiter && length && value[length - 1] == *delimiter)
            while (at < sorted_count && !strncmp(sorted[at]->path, value, length)) at++;
    }
    size_t body_start = begin_body(c);
    add(c, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
           "<Name>%.*s</Name><Prefix>", (int)bucket, c->path);
    add_key(c, prefix, strlen(prefix), url);
    add(c, "</Prefix><MaxKeys>%d</MaxKeys>%s", most, url ? "<EncodingType>url</EncodingType>" : "");
    if (*delimiter) add(c, "<Delimiter>%s</Delimiter>", delimiter);
    const char *last = "";
    size_t last_length = 0;
    while (at < sorted_count && n < most && !strncmp(sorted[at]->path, start, matches)) {
        Object *o = sorted[at];
        char *end = *delimiter ? strchr(o->path + matches, *delimiter) : NULL;
        last = o->path + skip;
        last_length = end ? (size_t)(end + 1 - last) : strlen(last);
        n++;
        if (end) {
            size_t length = snprintf(group, sizeof group, "%.*s", (int)(end + 1 - o->path), o->path);
            add(c, "<CommonPrefixes><Prefix>");
            add_key(c, last, last_length, url);
            add(c, "</Prefix></CommonPrefixes>");
            while (at < sorted_count && !strncmp(sorted[at]->path, group, length)) at++;
            continue;
        }
        char etag[48], stamp[32];
        struct tm when;
        gmtime_r(&o->modified, &when);
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S.000Z", &when);
        etag_of(o, etag);
        add(c, "<Contents><Key>");
        add_key(c, last, last_length, url);
        add(c, "</Key><LastModified>%s</LastModified><ETag>&quot;%s&quot;</ETag><Size>%llu</Size>"
               "<StorageClass>STANDARD</StorageClass></Contents>", stamp, etag, (unsigned long long)o->size);
        at++;
    }
    int more = n && at < sorted_count && !strncmp(sorted[at]->path, start, matches);
    if (v2) add(c, "<KeyCount>%d</KeyCount>", n);
    add(c, "<IsTruncated>%s</IsTruncated>", more ? "true" : "false");
    if (more) {
        add(c, v2 ? "<NextContinuationToken>" : "<NextMarker>");
        add_key(c, last, last_length, url && !v2); /* tokens are never encoded */
        add(c, v2 ? "</NextContinuationToken>" : "</NextMarker>");
    }
    add(c, "</ListBucketResult>");
    end_body(c, body_start, "200 OK");
}

/* Whether the request's condition holds; where not, it has been answered. */
static int holds(Connection *c) {
    Object *o = find(c->path);
    if (c->only_new && o) { refuse(c, "412 Precondition Failed", "PreconditionFailed"); return 0; }
    if (*c->if_match) {
        char etag[48];
        if (!o) { refuse(c, "404 Not Found", "NoSuchKey"); return 0; }
        etag_of(o, etag);
        if (strcmp(etag, c->if_match)) { refuse(c, "412 Precondition Failed", "PreconditionFailed"); return 0; }
    }
    return 1;
}

static void keep_metadata(Connection *c, char **at) {
    *at = c->metadata_length ? strndup(c->metadata, c->metadata_length) : NULL;
}

static void answer_put(Connection *c) {
    static char id[TEXT_MAX], number[TEXT_MAX];
    char etag[48];
    Object made = {.parts = 0};
    if (*c->copy_source) {
        counts[COPY]++;
        decode(c->copy_source, 0);
        Object *from = find(c->copy_source + (*c->copy_source == '/'));
        if (!from) { refuse(c, "404 Not Found", "NoSuchKey"); return; }
        etag_of(from, etag);
        Object *o = store(c->path, from->size, from->md5, from->parts);
        keep_metadata(c, &o->metadata);
        size_t start = begin_body(c);
        add(c, "<?xml version=\"1.0\"?><CopyObjectResult><LastModified>2030-01-01T00:00:00.000Z</LastModified><ETag>&quot;%s"
               "&quot;</ETag></CopyObjectResult>", etag);
        end_body(c, start, "200 OK");
        return;
    }
    if (c->hashes) {
        md5_end(&c->hash, c->md5);
        if (c->mark) remember(c->mark, c->md5);
    }
    counts[BYTES] += c->size;
    if (parameter(c->query, "uploadId", id)) {
        counts[PART]++;
        Upload *u = upload_of(id);
        if (!u) { refuse(c, "404 Not Found", "NoSuchUpload"); return; }
        parameter(c->query, "partNumber", number);
        add_part(u, atoi(number), c->size, c->md5);
    } else {
        counts[PUT]++;
        if (!holds(c)) return;
        Object *o = store(c->path, c->size, c->md5, 0);
        keep_metadata(c, &o->metadata);
    }
    memcpy(made.md5, c->md5, 16);
    etag_of(&made, etag);
    add(c, "HTTP/1.1 200 OK\r\nETag: \"%s\"\r\nx-amz-request-id: 0\r\nContent-Length: 0\r\n\r\n", etag);
}

static void answer_post(Connection *c) {
    static char id[TEXT_MAX];
    size_t bucket = strcspn(c->path, "/");
    const char *key = c->path + bucket + 1;
    if (parameter(c->query, "uploads", id)) {
        counts[CREATE]++;
        Upload *u = calloc(1, sizeof *u);
        u->id = ++last_upload;
        u->next = uploads;
        uploads = u;
        keep_metadata(c, &u->metadata);
        size_t start = begin_body(c);
        add(c, "<?xml version=\"1.0\"?><InitiateMultipartUploadResult><Bucket>%.*s</Bucket><Key>", (int)bucket, c->path);
        add_key(c, key, strlen(key), 0);
        add(c, "</Key><UploadId>%lu</UploadId></InitiateMultipartUploadResult>", u->id);
        end_body(c, start, "200 OK");
    } else if (parameter(c->query, "uploadId", id)) {
        counts[COMPLETE]++;
        Upload *u = upload_of(id);
        if (!u || !u->parts) { refuse(c, "404 Not Found", "NoSuchUpload"); return; }
        if (!holds(c)) return;
        Md5 whole;
        unsigned char md5[16];
        uint64_t size = 0;
        uint32_t n = 0;
        md5_start(&whole);
        for (Part *p = u->parts; p; p = p->next) { md5_add(&whole, p->md5, 16); size += p->size; n++; }
        md5_end(&whole, md5);
        Object *o = store(c->path, size, md5, n);
        o->metadata = u->metadata;
        u->metadata = NULL;
        end_upload(u);
        char etag[48];
        etag_of(o, etag);
        size_t start = begin_body(c);
        add(c, "<?xml version=\"1.0\"?><CompleteMultipartUploadResult><Bucket>%.*s</Bucket><Key>", (int)bucket, c->path);
        add_key(c, key, strlen(key), 0);
        add(c, "</Key><ETag>&quot;%s&quot;</ETag></CompleteMultipartUploadResult>", etag);
        end_body(c, start, "200 OK");
    } else {
        counts[OTHER]++;
        refuse(c, "501 Not Implemented", "NotImplemented");
    }
}

static void answer_head(Connection *c) {
    Object *o = find(c->path);
    counts[HEAD]++;
    if (!o) { refuse(c, "404 Not Found", "NoSuchKey"); return; }
    char etag[48], stamp[64];
    struct tm when;
    gmtime_r(&o->modified, &when);
    strftime(stamp, sizeof stamp, "%a, %d %b %Y %H:%M:%S GMT", &when);
    etag_of(o, etag);
    add(c, "HTTP/1.1 200 OK\r\nLast-Modified: %s\r\nETag: \"%s\"\r\nContent-Type: application/octet-stream\r\n%s"
           "Content-Length: %llu\r\n\r\n", stamp, etag, o->metadata ? o->metadata : "", (unsigned long long)o->size);
}

static void answer_bucket(Connection *c) {
    static char value[TEXT_MAX];
    if (!strcmp(c->method, "HEAD")) {
        counts[HEAD_BUCKET]++;
        add(c, "HTTP/1.1 200 OK\r\nx-amz-bucket-region: us-east-1\r\nContent-Length: 0\r\n\r\n");
    } else if (!strcmp(c->method, "PUT")) {
        counts[CREATE_BUCKET]++;
        add(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    } else if (!strcmp(c->method, "GET") && parameter(c->query, "location", value)) {
        counts[OTHER]++;
        size_t start = begin_body(c);
        add(c, "<?xml version=\"1.0\"?><LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>");
        end_body(c, start, "200 OK");
    } else if (!strcmp(c->method, "GET") && parameter(c->query, "uploads", value)) {
        counts[OTHER]++;
        size_t start = begin_body(c);
        add(c, "<?xml version=\"1.0\"?><ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>");
        end_body(c, start, "200 OK");
    } else if (!strcmp(c->method, "GET")) {
        counts[LIST]++;
        list(c);
    } else {
        counts[OTHER]++;
        refuse(c, "501 Not Implemented", "NotImplemented");
    }
}

static void load(const char *bucket, const char *file, Connection *c) {
    static char line[2 * TEXT_MAX], path[2 * TEXT_MAX];
    FILE *from = fopen(file, "r");
    if (!from) { refuse(c, "404 Not Found", "NoSuchFile"); return; }
    while (fgets(line, sizeof line, from)) {
        unsigned char md5[16];
        char *size = strchr(line, '\t'), *digits = size ? strchr(size + 1, '\t') : NULL;
        if (!digits || strlen(digits) < 33) continue;
        *size = 0;
        for (int i = 0; i < 16; i++) md5[i] = hex(digits[1 + 2 * i]) * 16 + hex(digits[2 + 2 * i]);
        snprintf(path, sizeof path, "%s/%.3000s", bucket, line);
        store(path, strtoull(size + 1, NULL, 10), md5, 0);
    }
    fclose(from);
}

static void answer_control(Connection *c) {
    static char bucket[TEXT_MAX], value[TEXT_MAX], within[TEXT_MAX + 1];
    struct rusage used;
    const char *what = c->path + 3;
    parameter(c->query, "bucket", bucket);
    snprintf(within, sizeof within, "%s/", bucket);
    if (!strcmp(what, "load") && parameter(c->query, "file", value)) load(bucket, value, c);
    if (c->out_length) return;
    size_t start = begin_body(c);
    add(c, "{");
    if (!strcmp(what, "stats")) {
        getrusage(RUSAGE_SELF, &used);
        for (int i = 0; i < KINDS; i++) add(c, "\"%s\": %llu, ", kinds[i], (unsigned long long)counts[i]);
        add(c, "\"cpu\": %.6f", used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    } else if (!strcmp(what, "reset")) {
        memset(counts, 0, sizeof counts);
    } else if (!strcmp(what, "latency") && parameter(c->query, "ms", value)) {
        latency = strtod(value, NULL) * 1000;
    } else if (!strcmp(what, "count") || !strcmp(what, "drop")) {
        uint64_t n = 0, bytes = 0;
        settle();
        for (size_t i = position(within, 0); i < sorted_count && !strncmp(sorted[i]->path, within, strlen(within)); i++) {
            n++;
            bytes += sorted[i]->size;
            if (*what == 'd') forget(sorted[i]);
        }
        add(c, "\"objects\": %llu, \"bytes\": %llu", (unsigned long long)n, (unsigned long long)bytes);
    }
    add(c, "}");
    end_body(c, start, "200 OK");
}

static void answer(Connection *c) {
    static char value[TEXT_MAX];
    char *slash = strchr(c->path, '/');
    if (!strncmp(c->path, "__/", 3)) answer_control(c);
    else if (!slash || !slash[1]) answer_bucket(c);
    else if (!strcmp(c->method, "PUT")) answer_put(c);
    else if (!strcmp(c->method, "HEAD")) answer_head(c);
    else if (!strcmp(c->method, "POST")) answer_post(c);
    else if (!strcmp(c->method, "DELETE")) {
        if (parameter(c->query, "uploadId", value)) {
            counts[ABORT]++;
            Upload *u = upload_of(value);
            if (u) end_upload(u);
        } else {
            counts[DELETE]++;
            Object *o = find(c->path);
            if (o) forget(o);
        }
        add(c, "HTTP/1.1 204 No Content\r\n\r\n");
    } else {
        counts[strcmp(c->method, "GET") ? OTHER : GET]++;
        refuse(c, "501 Not Implemented", "NotImplemented"); /* there are no contents */
    }
}

/* ---- The wire ---- */

static void watch(Connection *c, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(polling, EPOLL_CTL_MOD, c->fd, &event);
}

static void drop(Connection *c) {
#ifdef TLS
    if (c->ssl) SSL_free(c->ssl);
#endif
    if (c->fd >= 0) close(c->fd);
    free(c->in);
    free(c->out);
    free(c->metadata);
    free(c);
}

/* As recv and send: what they return, -1 with EAGAIN for "not now". */
static ssize_t take(Connection *c, char *to, size_t n) {
#ifdef TLS
    if (c->ssl) {
        ERR_clear_error(); /* or SSL_get_error tells of what another connection has left there */
        int got = SSL_read(c->ssl, to, n > 1 << 30 ? 1 << 30 : n);
        if (got > 0) return got;
        int why = SSL_get_error(c->ssl, got);
        errno = EAGAIN;
        return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -1 : 0;
    }
#endif
    return recv(c->fd, to, n, 0);
}

static ssize_t give(Connection *c, const char *from, size_t n) {
#ifdef TLS
    if (c->ssl) {
        ERR_clear_error();
        int sent = SSL_write(c->ssl, from, n);
        if (sent > 0) return sent;
        int why = SSL_get_error(c->ssl, sent);
        errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EPIPE;
        return -1;
    }
#endif
    return send(c->fd, from, n, MSG_NOSIGNAL);
}

/* Takes one layer of chunks off, in place; returns what is left, and in `used` how much of the input was taken. */
static size_t dechunk(Chunks *k, char *data, size_t n, size_t *used) {
    size_t out = 0, i = 0;
    while (i < n && k->state != END) {
        char ch = data[i];
        switch (k->state) {
        case SIZE:
            if (isxdigit((unsigned char)ch)) { k->left = k->left * 16 + hex((unsigned char)ch); k->seen = 1; i++; break; }
            k->state = EXTENSION;
            break;
        case EXTENSION:
            i++;
            if (ch == '\n') { k->state = k->left ? DATA : TRAILER; k->seen = 0; }
            break;
        case DATA: {
            size_t part = n - i < k->left ? n - i : k->left;
            memmove(data + out, data + i, part);
            out += part; i += part; k->left -= part;
            if (!k->left) k->state = AFTER_DATA;
            break;
        }
        case AFTER_DATA:
            i++;
            if (ch == '\n') k->state = SIZE;
            break;
        case TRAILER: /* lines up to an empty one; `seen` is this line's length */
            i++;
            if (ch == '\n') { if (!k->seen) k->state = END; k->seen = 0; }
            else if (ch != '\r') k->seen++;
            break;
        }
    }
    *used = i;
    return out;
}

/* Looks whether this part was seen before, once its beginning is there; then there is no need to hash the rest. */
static void recognise(Connection *c, const char *data, size_t n) {
    char *number = strstr(c->query, "partNumber=");
    if (c->hash.length != n) { c->part = 0; return; } /* its first bytes came one by one */
    if (n < BEGINNING) return;
    uint64_t h = hash(strchr(c->path, '/')) ^ (number ? strtoul(number + 11, NULL, 10) * 0x9E3779B97F4A7C15ULL : 0);
    for (int i = 0; i < BEGINNING; i++) h = (h ^ (unsigned char)data[i]) * 1099511628211ULL;
    c->mark = (h ^ c->length * 0x9E3779B97F4A7C15ULL) | 1;
    Seen *known = seen_before(c->mark);
    if (known) {
        memcpy(c->md5, known->md5, 16);
        c->hashes = 0;
    }
}

/* Takes what belongs to this request's body; returns how much that was. */
static size_t take_body(Connection *c, char *data, size_t n) {
    size_t used, content;
    if (c->chunked) {
        content = dechunk(&c->http, data, n, &used);
        if (c->http.state == END) c->left = 0;
    } else {
        content = used = n < c->left ? n : c->left;
        c->left -= used;
    }
    if (c->aws_chunked) {
        size_t ignored;
        content = dechunk(&c->aws, data, content, &ignored);
    }
    if (c->hashes) md5_add(&c->hash, (unsigned char *)data, content);
    c->size += content;
    if (c->part && c->hashes && !c->mark && c->hash.length >= BEGINNING) recognise(c, data, content);
    return used;
}

static int starts(const char *line, const char *name) { return !strncasecmp(line, name, strlen(name)); }

static void read_header(Connection *c, char *line, int *expects) {
    char *value = strchr(line, ':');
    if (!value) return;
    value++;
    value += strspn(value, " \t");
    if (starts(line, "content-length:")) c->left = strtoull(value, NULL, 10);
    else if (starts(line, "transfer-encoding:")) c->chunked = strcasestr(value, "chunked") != NULL;
    else if (starts(line, "content-encoding:")) c->aws_chunked = strcasestr(value, "aws-chunked") != NULL;
    else if (starts(line, "expect:")) *expects = 1;
    else if (starts(line, "connection:")) c->closing = strcasestr(value, "close") != NULL;
    else if (starts(line, "content-md5:")) c->knows_md5 = unbase64(value, c->md5);
    else if (starts(line, "if-none-match:")) c->only_new = 1;
    else if (starts(line, "if-match:")) sscanf(value + (*value == '"'), "%63[^\"]", c->if_match);
    else if (starts(line, "x-amz-copy-source:")) snprintf(c->copy_source, sizeof c->copy_source, "%s", value);
    else if (starts(line, "x-amz-content-sha256:") && strstr(value, "STREAMING-")) c->aws_chunked = 1;
    else if (starts(line, "x-amz-meta-") && strlen(line) < 1024) {
        c->metadata = realloc(c->metadata, c->metadata_length + strlen(line) + 3);
        c->metadata_length += sprintf(c->metadata + c->metadata_length, "%s\r\n", line);
    }
}

/* The head ends at `end`. 0 if this is no HTTP. */
static int read_head(Connection *c, char *end, int *expects) {
    char *line = c->in, *next;
    *end = 0;
    c->left = c->size = 0;
    c->chunked = c->aws_chunked = c->knows_md5 = c->only_new = c->metadata_length = 0;
    c->if_match[0] = c->copy_source[0] = 0;
    memset(&c->http, 0, sizeof c->http);
    memset(&c->aws, 0, sizeof c->aws);
    next = strstr(line, "\r\n");
    if (next) *next = 0;
    if (sscanf(line, "%7s %4095s", c->method, c->target) != 2) return 0;
    while (next) {
        line = next + 2;
        next = strstr(line, "\r\n");
        if (next) *next = 0;
        read_header(c, line, expects);
    }
    char *path = c->target;
    if (!strncmp(path, "http", 4)) path = strchr(path, ':') + 3, path = strchr(path, '/') ? strchr(path, '/') : path;
    c->query = strchr(path, '?');
    if (c->query) *c->query++ = 0;
    snprintf(c->path, sizeof c->path, "%s", path + (*path == '/'));
    decode(c->path, 0);
    c->hashes = !strcmp(c->method, "PUT") && !c->knows_md5;
    c->part = c->query && strstr(c->query, "uploadId=");
    c->length = c->left;
    c->mark = 0;
    if (c->hashes) md5_start(&c->hash);
    if (c->chunked) c->left = 1;
    return 1;
}

/* Writes what is to be written; 0 once the connection is gone. */
static int write_out(Connection *c) {
    c->state = WRITE;
    while (c->written < c->out_length) {
        ssize_t n = give(c, c->out + c->written, c->out_length - c->written);
        if (n < 0 && errno == EAGAIN) { watch(c, EPOLLOUT); c->muted = 1; return 1; }
        if (n <= 0) { drop(c); return 0; }
        c->written += n;
    }
    if (c->closing) { drop(c); return 0; }
    if (c->out_room > HEAD_MAX) { free(c->out); c->out = NULL; c->out_room = 0; }
    c->out_length = c->written = 0;
    c->state = READ_HEAD;
    if (c->muted) { watch(c, EPOLLIN); c->muted = 0; }
    return 1;
}

/* 0 once the connection is gone. */
static int finish(Connection *c) {
    int control = !strncmp(c->path, "__/", 3);
    answer(c);
    if (!latency || control) return write_out(c);
    c->state = WAIT;
    c->due = now() + latency;
    c->next = NULL;
    if (last_waiting) last_waiting->next = c;
    else first_waiting = c;
    last_waiting = c;
    return 1;
}

static void go_on(Connection *c) {
    for (;;) {
        if (c->state == READ_HEAD) {
            char *end = c->have ? memmem(c->in, c->have, "\r\n\r\n", 4) : NULL;
            if (!end) {
                ssize_t n = c->have < HEAD_MAX ? take(c, c->in + c->have, HEAD_MAX - c->have) : 0;
                if (n < 0 && errno == EAGAIN) return;
                if (n <= 0) { drop(c); return; }
                c->have += n;
                continue;
            }
            int expects = 0;
            size_t head = end + 4 - c->in, used = 0;
            if (!read_head(c, end, &expects)) { drop(c); return; }
            if (expects) give(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
            if (c->left) used = take_body(c, c->in + head, c->have - head);
            c->have -= head + used;
            memmove(c->in, c->in + head + used, c->have);
            c->state = READ_BODY;
        } else if (c->state == READ_BODY && c->left) {
            /* Where chunks say the end, what is read may reach into the next request, and has to fit into `in`. */
            size_t room = c->chunked ? HEAD_MAX : c->left < sizeof body ? c->left : sizeof body;
            ssize_t n = take(c, body, room);
            if (n < 0 && errno == EAGAIN) return;
            if (n <= 0) { drop(c); return; }
            size_t used = take_body(c, body, n);
            memcpy(c->in, body + used, n - used);
            c->have = n - used;
        } else if (c->state == READ_BODY) {
            if (!finish(c)) return;
            if (c->state != READ_HEAD) return;
        } else return;
    }
}

static void release_due(void) {
    uint64_t t = now();
    while (first_waiting && first_waiting->due <= t) {
        Connection *c = first_waiting;
        first_waiting = c->next;
        if (!first_waiting) last_waiting = NULL;
        if (c->dead) drop(c);
        else if (write_out(c) && c->state == READ_HEAD) go_on(c);
    }
}

static void on_event(Connection *c, uint32_t events) {
    if (c->state == WAIT) { /* closed, or impatient: not to be told again before the answer is due */
        watch(c, 0);
        c->muted = 1;
        if (events & (EPOLLHUP | EPOLLERR)) {
            epoll_ctl(polling, EPOLL_CTL_DEL, c->fd, NULL);
            c->dead = 1;
        }
    } else if (c->state == WRITE) {
        if (write_out(c) && c->state == READ_HEAD) go_on(c);
    } else go_on(c);
}

static int listener(int *port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 4096) || getsockname(fd, (struct sockaddr *)&at, &length)) {
        perror("null_server");
        exit(1);
    }
    *port = ntohs(at.sin_port);
    return fd;
}

#ifdef TLS
static SSL_CTX *tls_context;
#endif

static void accept_all(int from, int tls) {
    for (int fd, one = 1; (fd = accept4(from, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        Connection *c = calloc(1, sizeof *c);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->fd = fd;
        c->in = malloc(HEAD_MAX + 1);
        counts[CONNECTIONS]++;
#ifdef TLS
        if (tls) {
            c->ssl = SSL_new(tls_context);
            SSL_set_fd(c->ssl, fd);
            SSL_set_accept_state(c->ssl);
        }
#endif
        epoll_ctl(polling, EPOLL_CTL_ADD, fd, &event);
    }
    (void)tls;
}

int main(int argc, char **argv) {
    int port, tls_port = 0, plain = listener(&port), tls = -1, plain_mark, tls_mark, end_mark;
    struct epoll_event events[256];
    signal(SIGPIPE, SIG_IGN);
    polling = epoll_create1(0);
    epoll_ctl(polling, EPOLL_CTL_ADD, plain, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &plain_mark});
    epoll_ctl(polling, EPOLL_CTL_ADD, 0, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &end_mark});
#ifdef TLS
    if (argc > 2) {
        SSL_CTX *context = SSL_CTX_new(TLS_server_method());
        if (SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1 ||
            SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) != 1) {
            fprintf(stderr, "null_server: cannot use %s and %s\n", argv[1], argv[2]);
            return 1;
        }
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
        tls_context = context;
        tls = listener(&tls_port);
        epoll_ctl(polling, EPOLL_CTL_ADD, tls, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &tls_mark});
    }
#endif
    (void)argc, (void)argv;
    printf("%d %d\n", port, tls_port);
    fflush(stdout);
    for (;;) {
        int wait = -1;
        if (first_waiting) {
            uint64_t t = now();
            wait = first_waiting->due <= t ? 0 : (first_waiting->due - t + 999) / 1000;
        }
        int n = epoll_wait(polling, events, 256, wait);
        for (int i = 0; i < n; i++) {
            void *of = events[i].data.ptr;
            if (of == &end_mark) return 0;
            if (of == &plain_mark) accept_all(plain, 0);
            else if (of == &tls_mark) accept_all(tls, 1);
            else on_event(of, events[i].events);
        }
        release_due();
    }
}
