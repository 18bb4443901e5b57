/* The least that sending signed files to S3 can cost: a client that reads, hashes, signs and sends, and nothing else.
 *
 *     cc -O2 -pthread -o floor floor.c -lcrypto
 *     ./floor PORT BUCKET PREFIX FOLDER CONNECTIONS
 *
 * Each file below FOLDER goes to http://127.0.0.1:PORT/BUCKET/PREFIX/NAME with Content-MD5, an x-amz-content-sha256 of its
 * body and a version 4 signature (access key "a", secret "b"), over as many keep-alive connections as there are threads.
 * No listing, no retries, no conditions. Anything but a 200 ends it with 1.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
#define _GNU_SOURCE
#define OPENSSL_SUPPRESS_DEPRECATED
#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/tcp.h>
#include <openssl/hmac.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static char **names;
static size_t count, room, next_one;
static int port, failed;
static const char *bucket, *prefix, *folder;
static char day[16], stamp[32];
static unsigned char signing_key[32];

static void hmac(const void *key, int length, const char *text, unsigned char out[32]) {
    HMAC(EVP_sha256(), key, length, (const unsigned char *)text, strlen(text), out, NULL);
}

static void to_hex(const unsigned char *bytes, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) { *out++ = digits[bytes[i] >> 4]; *out++ = digits[bytes[i] & 15]; }
    *out = 0;
}

static void prepare(void) {
    time_t t = time(NULL);
    struct tm when;
    unsigned char a[32], b[32];
    gmtime_r(&t, &when);
    strftime(day, sizeof day, "%Y%m%d", &when);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &when);
    hmac("AWS4b", 5, day, a);
    hmac(a, 32, "us-east-1", b);
    hmac(b, 32, "s3", a);
    hmac(a, 32, "aws4_request", signing_key);
}

static int found(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st, (void)at;
    if (kind != FTW_F) return 0;
    if (count == room) names = realloc(names, (room = room ? room * 2 : 1024) * sizeof *names);
    names[count++] = strdup(path + strlen(folder) + 1);
    return 0;
}

static void encode(const char *name, char *to) {
    for (; *name; name++) {
        unsigned char c = *name;
        if ((c | 32) >= 'a' && (c | 32) <= 'z') *to++ = c;
        else if ((c >= '0' && c <= '9') || strchr("-._~/", c)) *to++ = c;
        else to += sprintf(to, "%%%02X", c);
    }
    *to = 0;
}

static int head(char *out, size_t size, const char *name, const unsigned char *body, size_t length) {
    char key[4096], canonical[8192], text[512], payload[65], hashed[65], signature[65], md5[32];
    unsigned char digest[32];
    encode(name, key);
    SHA256(body, length, digest);
    to_hex(digest, payload);
    MD5(body, length, digest);
    EVP_EncodeBlock((unsigned char *)md5, digest, 16);
    int n = snprintf(canonical, sizeof canonical,
        "PUT\n/%s/%s/%s\n\ncontent-md5:%s\nhost:127.0.0.1:%d\nx-amz-content-sha256:%s\nx-amz-date:%s\n\n"
        "content-md5;host;x-amz-content-sha256;x-amz-date\n%s", bucket, prefix, key, md5, port, payload, stamp, payload);
    SHA256((unsigned char *)canonical, n, digest);
    to_hex(digest, hashed);
    snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%s/us-east-1/s3/aws4_request\n%s", stamp, day, hashed);
    hmac(signing_key, 32, text, digest);
    to_hex(digest, signature);
    return snprintf(out, size,
        "PUT /%s/%s/%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %zu\r\nContent-MD5: %s\r\nx-amz-content-sha256: %s\r\n"
        "x-amz-date: %s\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/%s/us-east-1/s3/aws4_request, "
        "SignedHeaders=content-md5;host;x-amz-content-sha256;x-amz-date, Signature=%s\r\n\r\n",
        bucket, prefix, key, port, length, md5, payload, stamp, day, signature);
}

static int send_all(int fd, char *first, size_t first_length, char *second, size_t second_length) {
    struct iovec parts[2] = {{first, first_length}, {second, second_length}};
    int at = 0;
    while (at < 2) {
        ssize_t n = writev(fd, parts + at, 2 - at);
        if (n < 0) return 0;
        while (at < 2 && (size_t)n >= parts[at].iov_len) n -= parts[at++].iov_len;
        if (at < 2) { parts[at].iov_base = (char *)parts[at].iov_base + n; parts[at].iov_len -= n; }
    }
    return 1;
}

static int confirmed(int fd) {
    char answer[4096];
    size_t have = 0;
    while (have < sizeof answer - 1) {
        ssize_t n = recv(fd, answer + have, sizeof answer - 1 - have, 0);
        if (n <= 0) return 0;
        have += n;
        answer[have] = 0;
        if (strstr(answer, "\r\n\r\n")) return !strncmp(answer, "HTTP/1.1 200", 12);
    }
    return 0;
}

static void *work(void *ignored) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    char *body = NULL, path[8192], top[8192];
    size_t body_room = 0, i;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&to, sizeof to)) failed = 1;
    while (!failed && (i = __atomic_fetch_add(&next_one, 1, __ATOMIC_RELAXED)) < count) {
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        int file = open(path, O_RDONLY);
        if (file < 0 || fstat(file, &st)) { failed = 1; break; }
        if (body_room < (size_t)st.st_size + 1) body = realloc(body, body_room = st.st_size + 1);
        ssize_t length = read(file, body, st.st_size);
        close(file);
        if (length != st.st_size) { failed = 1; break; }
        int n = head(top, sizeof top, names[i], (unsigned char *)body, length);
        if (!send_all(fd, top, n, body, length) || !confirmed(fd)) failed = 1;
    }
    close(fd);
    free(body);
    return ignored;
}

int main(int argc, char **argv) {
    if (argc != 6) { fprintf(stderr, "floor PORT BUCKET PREFIX FOLDER CONNECTIONS\n"); return 2; }
    port = atoi(argv[1]);
    bucket = argv[2];
    prefix = argv[3];
    folder = argv[4];
    int threads = atoi(argv[5]);
    pthread_t all[256];
    if (threads < 1 || threads > 256) threads = 4;
    prepare();
    nftw(folder, found, 16, FTW_PHYS);
    for (int i = 0; i < threads; i++) pthread_create(&all[i], NULL, work, NULL);
    for (int i = 0; i < threads; i++) pthread_join(all[i], NULL);
    if (failed) fprintf(stderr, "floor: a file could not be read, or was not confirmed\n");
    return failed;
}
