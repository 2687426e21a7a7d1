// SPDX-License-Identifier: MIT
/*
 * accounting.c: sends accounting requests that were made before, as fast as they are acknowledged or at a rate.
 *
 *   accounting ADDRESS PORT REQUESTS ACKNOWLEDGED SOCKETS AT_ONCE RATE
 *
 * REQUESTS is a file with each request and, after it, the one answer that acknowledges it. Request n leaves by
 * socket n / 256 % SOCKETS and has identifier n % 256, so that no two that wait for answers are alike. AT_ONCE wait
 * at most; with a RATE (requests a second) they are sent evenly, with 0 as soon as there is room. One that is not
 * acknowledged is sent again every 3 s, 10 times in all, as radclient does.
 *
 * Writes to ACKNOWLEDGED when each was (CLOCK_MONOTONIC, ns; 0: never); prints how many were, how many times one
 * was sent again, and the seconds from the first request to the last acknowledgement.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define IDENTIFIERS 256
#define ANSWER_BYTES 20 /* an Accounting-Response without attributes */
#define RESEND_NS 3000000000ull
#define TRIES 10
#define TICK_MS 1
#define NONE UINT32_MAX

struct request {
	const uint8_t *bytes;
	uint64_t acknowledged;
	uint16_t size;
	uint8_t tries;
};

struct sent {
	uint32_t request;
	uint64_t at;
};

struct client {
	struct request *requests;
	uint32_t count, next; /* `next` is to be sent for the first time */
	struct pollfd *sockets;
	uint32_t socket_count;
	uint32_t *waiting; /* the request that waits for an answer, by socket and identifier */
	uint32_t waiting_count, at_once;
	struct sent *queue; /* what was sent, in this order, each request once: whether it still waits or not */
	uint32_t oldest, newest, room;
	double rate;
	unsigned long acknowledged, repeated;
	uint64_t started, ended;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static const uint8_t *map_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat about;
	void *mapped;

	if (fd < 0 || fstat(fd, &about))
		err(1, "%s", path);
	mapped = mmap(NULL, about.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (mapped == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	*size = about.st_size;
	return mapped;
}

static void read_requests(struct client *client, const char *path)
{
	size_t size, at = 0;
	const uint8_t *bytes = map_file(path, &size);

	client->requests = calloc(size / (2 * ANSWER_BYTES) + 1, sizeof(*client->requests));
	while (at < size) {
		uint16_t length = bytes[at + 2] << 8 | bytes[at + 3];

		client->requests[client->count++] = (struct request){.bytes = bytes + at, .size = length};
		at += length + ANSWER_BYTES;
	}
}

static void open_sockets(struct client *client, const char *address, int port)
{
	struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (!inet_aton(address, &server.sin_addr))
		errx(2, "%s is no IPv4 address", address);
	client->sockets = calloc(client->socket_count, sizeof(*client->sockets));
	for (uint32_t i = 0; i < client->socket_count; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

		if (fd < 0 || connect(fd, (void *)&server, sizeof(server)))
			err(1, "a socket to %s", address);
		client->sockets[i] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
}

static uint32_t place_of(const struct client *client, uint32_t request)
{
	return request % (client->socket_count * IDENTIFIERS);
}

static void send_one(struct client *client, uint32_t number)
{
	struct request *request = &client->requests[number];
	int fd = client->sockets[place_of(client, number) / IDENTIFIERS].fd;

	/* Where the kernel takes none, as with no room or nobody listening, it is sent again later. */
	if (send(fd, request->bytes, request->size, 0) < 0 && errno != EAGAIN && errno != ECONNREFUSED)
		err(1, "send");
	request->tries++;
	client->queue[client->newest++ % client->room] = (struct sent){number, now()};
}

static int may_send(const struct client *client)
{
	if (client->next == client->count || client->waiting_count == client->at_once ||
	    client->waiting[place_of(client, client->next)] != NONE)
		return 0;
	return client->rate == 0 || (now() - client->started) * client->rate / 1e9 >= client->next;
}

static void send_new(struct client *client)
{
	while (may_send(client)) {
		client->waiting[place_of(client, client->next)] = client->next;
		client->waiting_count++;
		send_one(client, client->next++);
	}
}

static void stop_waiting(struct client *client, uint32_t number)
{
	client->waiting[place_of(client, number)] = NONE;
	client->waiting_count--;
}

static void send_again(struct client *client)
{
	uint64_t due = now() - RESEND_NS;

	for (; client->oldest != client->newest; client->oldest++) {
		struct sent sent = client->queue[client->oldest % client->room];

		if (client->waiting[place_of(client, sent.request)] != sent.request)
			continue;
		if (sent.at > due)
			return;
		if (client->requests[sent.request].tries == TRIES) {
			stop_waiting(client, sent.request);
		} else {
			client->repeated++;
			send_one(client, sent.request);
		}
	}
}

static void take_answer(struct client *client, uint32_t number, const uint8_t *answer)
{
	struct request *request;

	if (number == NONE)
		return; /* the second answer to what was sent again */
	request = &client->requests[number];
	if (memcmp(answer, request->bytes + request->size, ANSWER_BYTES))
		return;
	request->acknowledged = client->ended = now();
	client->acknowledged++;
	stop_waiting(client, number);
}

static void receive(struct client *client, uint32_t socket)
{
	uint8_t answer[ANSWER_BYTES];
	ssize_t size;

	while ((size = recv(client->sockets[socket].fd, answer, sizeof(answer), MSG_TRUNC)) >= 0)
		if (size == ANSWER_BYTES)
			take_answer(client, client->waiting[socket * IDENTIFIERS + answer[1]], answer);
	if (errno != EAGAIN && errno != ECONNREFUSED)
		err(1, "recv");
}

static void run(struct client *client)
{
	client->started = client->ended = now();
	while (client->next < client->count || client->waiting_count) {
		send_again(client);
		send_new(client);
		if (poll(client->sockets, client->socket_count, TICK_MS) < 0)
			err(1, "poll");
		for (uint32_t i = 0; i < client->socket_count; i++)
			if (client->sockets[i].revents)
				receive(client, i);
	}
}

static void write_times(const struct client *client, const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file)
		err(1, "%s", path);
	for (uint32_t i = 0; i < client->count; i++)
		fwrite(&client->requests[i].acknowledged, sizeof(uint64_t), 1, file);
	if (fclose(file))
		err(1, "%s", path);
}

int main(int argc, char **argv)
{
	struct client client = {0};
	uint32_t places;

	if (argc != 8)
		errx(2, "usage: accounting ADDRESS PORT REQUESTS ACKNOWLEDGED SOCKETS AT_ONCE RATE");
	client.socket_count = strtoul(argv[5], NULL, 10);
	client.at_once = strtoul(argv[6], NULL, 10);
	client.rate = atof(argv[7]);
	places = client.socket_count * IDENTIFIERS;
	if (!client.at_once || client.at_once > places)
		errx(2, "with %u sockets at most %u may wait for answers", client.socket_count, places);
	read_requests(&client, argv[3]);
	open_sockets(&client, argv[1], atoi(argv[2]));
	client.waiting = malloc(places * sizeof(*client.waiting));
	memset(client.waiting, 0xff, places * sizeof(*client.waiting)); /* NONE */
	client.room = client.count + 1; /* in send_one() one is in it twice */
	client.queue = calloc(client.room, sizeof(*client.queue));
	run(&client);
	write_times(&client, argv[4]);
	printf("%lu %lu %f\n", client.acknowledged, client.repeated, (client.ended - client.started) / 1e9);
	return 0;
}
