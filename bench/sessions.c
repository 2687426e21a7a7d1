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
#define WARM_UP_SECONDS 0.1

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

struct loop {
	int epoll;
	int listener;
	struct sockaddr_in server;
	uint32_t lines;
	uint32_t opened;
};

/* Ports are chosen at connect(), by the whole of both addresses: else 28,000 sessions would use up a line. */
static void open_session(struct loop *loop)
{
	struct sockaddr_in source = address(FIRST_LINE + loop->opened++ % loop->lines, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;

	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
	if (bind(fd, (void *)&source, sizeof(source)))
		err(1, "a line's address");
	if (connect(fd, (void *)&loop->server, sizeof(loop->server)) && errno != EINPROGRESS)
		err(1, "connect");
	watch(loop->epoll, fd, EPOLLIN);
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

static void run(struct loop *loop, double seconds)
{
	struct epoll_event events[EVENTS];
	double end = now() + seconds;

	while (now() < end) {
		int count = epoll_wait(loop->epoll, events, EVENTS, TICK_MS);

		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == loop->listener) {
				accept_and_close(loop->listener);
				continue;
			}
			end_session(events[i].data.fd);
			open_session(loop);
		}
	}
}

int main(int argc, char **argv)
{
	struct loop loop = {.epoll = epoll_create1(0), .server = address(0, SMTP_PORT)};
	double start;

	if (argc != 8 || !inet_aton(argv[3], &loop.server.sin_addr))
		errx(2, "usage: sessions LINES_NS SERVERS_NS SERVER LINES AT_ONCE SECONDS CORE");
	loop.lines = strtoul(argv[4], NULL, 10);
	enter(argv[2]);
	loop.listener = listen_at_port_25();
	watch(loop.epoll, loop.listener, EPOLLIN);
	enter(argv[1]);
	run_alone(atoi(argv[7]));
	for (int i = 0; i < atoi(argv[5]); i++)
		open_session(&loop);
	run(&loop, WARM_UP_SECONDS);
	completed = failed = 0;
	start = now();
	run(&loop, atof(argv[6]));
	printf("%lu %lu %f\n", completed, failed, now() - start);
	return 0;
}
