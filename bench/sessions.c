// SPDX-License-Identifier: MIT
/*
 * sessions.c: sessions to port 25 as fast as one core can, over the kernel's own TCP at both ends.
 *
 *   sessions LINES_NS SERVERS_NS SERVER LINES AT_ONCE SECONDS CORE
 *
 * keeps AT_ONCE sessions from 10.1.0.0, 10.1.0.1, … (LINES of them) opening to SERVER, where it accepts and closes
 * them; prints how many the server closed, how many failed, and the seconds it took. A session is a handshake
 * and the closing of both sides.
 *
 * One thread is both ends, and runs before all ordinary ones on its core: so the kernel forwards in this thread
 * too, nobody disturbs, and what the gateway costs is what sessions become fewer.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SMTP_PORT 25
#define BACKLOG 4096
#define EVENTS 256
#define FIRST_LINE 0x0a010000u /* 10.1.0.0 */
#define TICK_MS 100

static unsigned long completed, failed;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static struct sockaddr_in address(uint32_t ip, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip)};
}

static void watch(int epoll, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		err(1, "epoll_ctl");
}

static void enter(const char *namespace)
{
	int fd = open(namespace, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		err(1, "%s", namespace);
	close(fd);
}

static void run_alone(int core)
{
	struct sched_param priority = {.sched_priority = 1};
	cpu_set_t cores;

	CPU_ZERO(&cores);
	CPU_SET(core, &cores);
	if (sched_setaffinity(0, sizeof(cores), &cores) || sched_setscheduler(0, SCHED_FIFO, &priority))
		err(1, "running alone on core %d", core);
}

static int listen_at_port_25(void)
{
	struct sockaddr_in any = address(INADDR_ANY, SMTP_PORT);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (void *)&any, sizeof(any)) || listen(fd, BACKLOG))
		err(1, "listening on port %d", SMTP_PORT);
	return fd;
}

static void accept_and_close(int listener)
{
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0)
		close(fd);
	if (errno != EAGAIN && errno != ECONNABORTED)
		err(1, "accept");
}

/* Ports are chosen at connect(), by the whole of both addresses: else 28,000 sessions would use up a line. */
static void open_session(int epoll, const struct sockaddr_in *server, uint32_t line)
{
	struct sockaddr_in source = address(FIRST_LINE + line, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;

	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
	if (bind(fd, (void *)&source, sizeof(source)))
		err(1, "no such line: %u", line);
	if (connect(fd, (void *)server, sizeof(*server)) && errno != EINPROGRESS)
		err(1, "connect");
	watch(epoll, fd, EPOLLIN);
}

static void end_session(int fd)
{
	char byte;

	if (read(fd, &byte, 1) == 0)
		completed++;
	else
		failed++;
	close(fd);
}

static void run(int listener, const struct sockaddr_in *server, uint32_t lines, int at_once, double seconds)
{
	struct epoll_event events[EVENTS];
	int epoll = epoll_create1(0);
	double end = now() + seconds;
	uint32_t opened = 0;

	watch(epoll, listener, EPOLLIN);
	while (opened < (uint32_t)at_once)
		open_session(epoll, server, opened++ % lines);
	while (now() < end) {
		int count = epoll_wait(epoll, events, EVENTS, TICK_MS);

		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == listener) {
				accept_and_close(listener);
				continue;
			}
			end_session(events[i].data.fd);
			open_session(epoll, server, opened++ % lines);
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in server = address(0, SMTP_PORT);
	double start;
	int listener;

	if (argc != 8 || !inet_aton(argv[3], &server.sin_addr))
		errx(2, "usage: sessions LINES_NS SERVERS_NS SERVER LINES AT_ONCE SECONDS CORE");
	enter(argv[2]);
	listener = listen_at_port_25();
	enter(argv[1]);
	run_alone(atoi(argv[7]));
	start = now();
	run(listener, &server, strtoul(argv[4], NULL, 10), atoi(argv[5]), atof(argv[6]));
	printf("%lu %lu %f\n", completed, failed, now() - start);
	return 0;
}
