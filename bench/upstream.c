/* A very cheap MCP server over HTTP: what a call costs when the server behind costs next to nothing.
 *
 *     upstream PORT legacy|modern
 *
 * One thread, one epoll. It reads just enough of a request to echo its id and its argument "text" in a correct answer
 * of its era, and trusts its caller: this is a measuring device and no server for anybody else.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 65536, MOST_CONNECTIONS = 4096, MOST_EVENTS = 256, MOST_TEXT = 16384 };

struct connection { size_t length; char bytes[ROOM]; };

struct span { const char *from; size_t length; };

static int modern;
static struct connection *connections[MOST_CONNECTIONS];

#define INFO "{\"name\":\"bench\",\"version\":\"1\"}"
#define TOOL "{\"name\":\"echo\",\"description\":\"Say the same again.\",\"inputSchema\":" \
             "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"}},\"required\":[\"text\"]}}"
#define COMPLETE "\"resultType\":\"complete\",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":" INFO "}"
#define FRESH ",\"ttlMs\":60000,\"cacheScope\":\"public\""

static struct span span_of(const char *text) { return (struct span){text, strlen(text)}; }

/* The JSON value after `key` in the body: a string with its quotes, or a number or word. */
static struct span value_of(struct span body, const char *key)
{
    const char *end = body.from + body.length;
    const char *at = memmem(body.from, body.length, key, strlen(key));
    if (!at) return span_of("null");
    at += strlen(key);
    while (at < end && *at == ' ') at++;
    const char *stop = at;
    if (stop < end && *stop == '"') {
        for (stop++; stop < end && *stop != '"'; stop++) if (*stop == '\\') stop++;
        stop++;
    } else {
        while (stop < end && *stop != ',' && *stop != '}' && *stop != ' ') stop++;
    }
    return (struct span){at, stop < end ? (size_t)(stop - at) : (size_t)(end - at)};
}

static int is(struct span value, const char *word)
{
    return value.length == strlen(word) && !memcmp(value.from, word, value.length);
}

static size_t whole(char *out, const char *status, const char *more, const char *body, size_t length)
{
    int head = sprintf(out, "HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n",
                       status, more, length);
    memcpy(out + head, body, length);
    return (size_t)head + length;
}

/* Writes the answer to one request into `out` and returns its length. */
static size_t answer(char *out, int is_post, struct span body)
{
    static char text[MOST_TEXT + 1024];
    if (!is_post) return whole(out, "405 Method Not Allowed", "Allow: POST\r\n", "", 0);
    struct span method = value_of(body, "\"method\":"), id = value_of(body, "\"id\":");
    if (method.length > 14 && !memcmp(method.from, "\"notifications", 14)) return whole(out, "202 Accepted", "", "", 0);
    if (id.length > 512) id = span_of("null");
    const char *status = "200 OK", *more = "", *result = NULL;
    if (is(method, "\"tools/call\"")) {
        struct span argument = value_of(body, "\"text\":");
        if (argument.length > MOST_TEXT) argument = span_of("\"too long\"");
        int length = sprintf(text,
            "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{\"content\":[{\"type\":\"text\",\"text\":%.*s}]%s}}",
            (int)id.length, id.from, (int)argument.length, argument.from, modern ? "," COMPLETE : "");
        return whole(out, status, more, text, (size_t)length);
    }
    if (is(method, "\"tools/list\"")) {
        result = modern ? "{\"tools\":[" TOOL "]" FRESH "," COMPLETE "}" : "{\"tools\":[" TOOL "]}";
    } else if (modern && is(method, "\"server/discover\"")) {
        result = "{\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{\"tools\":{}}" FRESH "," COMPLETE "}";
    } else if (!modern && is(method, "\"initialize\"")) {
        more = "Mcp-Session-Id: bench\r\n";
        result = "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{}},\"serverInfo\":" INFO "}";
    } else if (!modern && is(method, "\"ping\"")) {
        result = "{}";
    }
    if (!result) status = modern ? "404 Not Found" : "400 Bad Request";
    int length = result
        ? sprintf(text, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":%s}", (int)id.length, id.from, result)
        : sprintf(text, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"error\":{\"code\":-32601,\"message\":\"No such method\"}}",
                  (int)id.length, id.from);
    return whole(out, status, more, text, (size_t)length);
}

static size_t content_length(const char *from, const char *end)
{
    static const char name[] = "content-length:";
    for (const char *line = from; line < end; line++) {
        if (!strncasecmp(line, name, sizeof name - 1)) return strtoul(line + sizeof name - 1, NULL, 10);
        if (!(line = memchr(line, '\n', (size_t)(end - line)))) break;
    }
    return 0;
}

/* Answers every whole request that has arrived, in one write; returns 0 when the connection is to be closed. */
static int serve(int socket, struct connection *connection)
{
    static char out[4 * ROOM];
    size_t done = 0, ready = 0;
    while (ready < sizeof out - ROOM) {
        char *from = connection->bytes + done;
        char *end = memmem(from, connection->length - done, "\r\n\r\n", 4);
        if (!end) break;
        size_t size = content_length(from, end), head = (size_t)(end + 4 - from);
        if (head + size > ROOM) return 0;
        if (connection->length - done < head + size) break;
        ready += answer(out + ready, *from == 'P', (struct span){from + head, size});
        done += head + size;
    }
    memmove(connection->bytes, connection->bytes + done, connection->length -= done);
    return !ready || write(socket, out, ready) == (ssize_t)ready;
}

static void take(int epoll, int listener)
{
    int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK), yes = 1;
    if (socket < 0) return;
    if (socket >= MOST_CONNECTIONS || !(connections[socket] = calloc(1, sizeof(struct connection)))) {
        close(socket);
        return;
    }
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &(struct epoll_event){.events = EPOLLIN, .data.fd = socket});
}

static void receive(int socket)
{
    struct connection *connection = connections[socket];
    ssize_t got = read(socket, connection->bytes + connection->length, ROOM - connection->length);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got > 0) {
        connection->length += (size_t)got;
        if (serve(socket, connection)) return;
    }
    close(socket);
    free(connection);
    connections[socket] = NULL;
}

int main(int count, char **words)
{
    if (count != 3) return fprintf(stderr, "usage: upstream PORT legacy|modern\n"), 2;
    modern = !strcmp(words[2], "modern");
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0), yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(words[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) {
        perror("upstream");
        return 1;
    }
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
    for (;;) {
        struct epoll_event events[MOST_EVENTS];
        int ready = epoll_wait(epoll, events, MOST_EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int socket = events[i].data.fd;
            if (socket == listener) take(epoll, listener); else receive(socket);
        }
    }
}
