// SPDX-License-Identifier: GPL-2.0-or-later
/* Consoles: terminals with escape keys, ptys, sockets, files, slow readers. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>
#include "tests/unit/said.h"
#include "vmm/chardev.h"
#include "vmm/term.h"

static struct machine m;
static struct chardev *c;
static enum machine_end ended;
static char dir[64], path[128], got[8192];
static size_t n_got, room;

void machine_stop(struct machine *mm, enum machine_end end, int code)
{
	ended = end;
}

static size_t input(void *dev, const u8 *buf, size_t n)
{
	size_t take = min(n, room);

	take = min(take, sizeof(got) - 1 - n_got);
	memcpy(got + n_got, buf, take);
	n_got += take;
	room -= take;
	return take;
}

static const struct chardev_user user = { .input = input };

static void stop(void *arg)
{
	loop_stop(m.loop);
}

static void turn(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		loop_post(m.loop, stop, NULL);
		assert_int_equal(loop_run(m.loop), 0);
	}
}

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/kvist-chardev-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/console", dir);
	memset(got, 0, sizeof(got));
	n_got = 0;
	room = sizeof(got);
	ended = END_NONE;
	c = NULL;
	said_nothing_yet();
	return loop_new(&m.loop);
}

static int teardown(void **state)
{
	chardev_free(c);
	loop_free(m.loop);
	unlink(path);
	return rmdir(dir);
}

static void put(const char *text)
{
	chardev_write(c, (const u8 *)text, strlen(text));
}

static int connect_to(const char *p)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(a.sun_path, p, strlen(p));
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void assert_reads(int fd, const char *want)
{
	char buf[256] = { 0 };

	assert_int_equal(read(fd, buf, sizeof(buf) - 1), strlen(want));
	assert_string_equal(buf, want);
}

/* --- file, pty, socket --- */

static void file_takes_output(void **state)
{
	int fd;

	assert_int_equal(chardev_new(&m, CONSOLE_FILE, path, &c), 0);
	put("hello");
	fd = open(path, O_RDONLY);
	assert_reads(fd, "hello");
	close(fd);
}

static void file_that_cannot_be_opened_is_named(void **state)
{
	assert_true(chardev_new(&m, CONSOLE_FILE, "/nowhere/console", &c) < 0);
	assert_said("/nowhere/console");
	c = NULL;
}

static void pty_carries_both_directions(void **state)
{
	char buf[16] = { 0 };
	int fd;

	assert_int_equal(chardev_new(&m, CONSOLE_PTY, NULL, &c), 0);
	assert_said("/dev/pts/");
	chardev_attach(c, &user);
	put("early");				/* before anybody looks */
	fd = open(strchr(said, '/'), O_RDWR | O_NOCTTY);
	assert_true(fd >= 0);
	assert_reads(fd, "early");
	assert_int_equal(write(fd, "in\n", 3), 3);
	turn();
	assert_string_equal(got, "in\n");	/* raw: no translation */
	close(fd);
	turn();					/* no hang-up storm */
	fd = open(strchr(said, '/'), O_RDWR | O_NOCTTY);
	put("x");
	assert_int_equal(read(fd, buf, 1), 1);
	close(fd);
}

static void socket_serves_one_client_after_another(void **state)
{
	int a, b;

	assert_int_equal(chardev_new(&m, CONSOLE_SOCKET, path, &c), 0);
	chardev_attach(c, &user);
	put("boot ");
	a = connect_to(path);
	turn();
	put("on");
	turn();
	assert_reads(a, "boot on");
	assert_int_equal(write(a, "hi", 2), 2);
	turn();
	assert_string_equal(got, "hi");
	close(a);
	turn();
	put("later");
	b = connect_to(path);
	turn();
	assert_reads(b, "later");
	close(b);
	turn();
}

static void socket_in_use_is_refused_and_a_stale_one_replaced(void **state)
{
	struct chardev *second;

	assert_int_equal(chardev_new(&m, CONSOLE_SOCKET, path, &c), 0);
	assert_int_equal(chardev_new(&m, CONSOLE_SOCKET, path, &second), -EADDRINUSE);
	assert_said(path);
	assert_int_equal(access(path, F_OK), 0);
	chardev_free(c);
	assert_int_equal(access(path, F_OK), -1);
	/* A run that was killed leaves its file. */
	c = NULL;
	{
		struct sockaddr_un a = { .sun_family = AF_UNIX };
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		memcpy(a.sun_path, path, strlen(path));
		assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
		close(fd);
	}
	assert_int_equal(chardev_new(&m, CONSOLE_SOCKET, path, &c), 0);
}

static void socket_never_replaces_another_file(void **state)
{
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_true(chardev_new(&m, CONSOLE_SOCKET, path, &c) < 0);
	c = NULL;
	assert_int_equal(access(path, F_OK), 0);
}

static void slow_reader_loses_the_oldest_bytes(void **state)
{
	char block[1024], last = 0, buf[4096];
	size_t total = 0;
	ssize_t n;
	int fd;

	assert_int_equal(chardev_new(&m, CONSOLE_SOCKET, path, &c), 0);
	for (unsigned int i = 0; i < 200; i++) {	/* nobody is there */
		memset(block, 'a' + i % 26, sizeof(block));
		chardev_write(c, (u8 *)block, sizeof(block));
	}
	fd = connect_to(path);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (unsigned int i = 0; i < 100; i++) {
		turn();
		while ((n = read(fd, buf, sizeof(buf))) > 0) {
			total += n;
			last = buf[n - 1];
		}
	}
	assert_int_equal(total, 65536);
	assert_int_equal(last, 'a' + 199 % 26);
	close(fd);
}

static void input_waits_for_the_device(void **state)
{
	int fd;

	assert_int_equal(chardev_new(&m, CONSOLE_SOCKET, path, &c), 0);
	room = 3;
	chardev_attach(c, &user);
	fd = connect_to(path);
	turn();
	assert_int_equal(write(fd, "abcdefgh", 8), 8);
	turn();
	assert_string_equal(got, "abc");
	room = 2;
	chardev_resume(c);
	assert_string_equal(got, "abcde");
	room = 100;
	chardev_resume(c);
	turn();
	assert_string_equal(got, "abcdefgh");
	close(fd);
}

/* --- a terminal, in a child whose standard input it is --- */

static int master;
static pid_t child;

/* The child runs fn() on the terminal and exits with its result. */
static void on_terminal(int (*fn)(void))
{
	char name[64];

	master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(master >= 0 && !grantpt(master) && !unlockpt(master));
	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	child = fork();
	if (!child) {
		int fd;

		setsid();
		fd = open(name, O_RDWR);
		ioctl(fd, TIOCSCTTY, 0);
		dup2(fd, 0);
		dup2(fd, 1);
		alarm(60);
		_exit(fn());
	}
}

static bool is_raw(void)
{
	struct termios t;

	assert_int_equal(tcgetattr(master, &t), 0);
	return !(t.c_lflag & (ICANON | ECHO));
}

static void wait_until(bool raw)
{
	for (unsigned int i = 0; i < 5000 && is_raw() != raw; i++)
		usleep(2000);
	assert_int_equal(is_raw(), raw);
}

static int child_status(void)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static int console(void)
{
	if (loop_new(&m.loop) || chardev_new(&m, CONSOLE_STDIO, NULL, &c))
		return 100;
	room = sizeof(got);
	chardev_attach(c, &user);
	while (ended == END_NONE)
		turn();
	chardev_free(c);
	return ended == END_QUIT && !strcmp(got, "ab\001c") ? 0 : 101;
}

static void terminal_escapes_work(void **state)
{
	on_terminal(console);
	wait_until(true);
	assert_int_equal(write(master, "a\001qb\001\001c", 7), 7);
	usleep(10000);
	assert_int_equal(write(master, "\001", 1), 1);
	usleep(10000);
	assert_int_equal(write(master, "x", 1), 1);
	assert_int_equal(child_status(), 0);
	wait_until(false);
	close(master);
}

static int console_forever(void)
{
	room = 0;				/* the guest hangs */
	if (loop_new(&m.loop) || chardev_new(&m, CONSOLE_STDIO, NULL, &c))
		return 100;
	chardev_attach(c, &user);
	while (ended == END_NONE)
		turn();
	return 0;				/* and no chardev_free() */
}

static void quit_works_although_the_guest_takes_nothing(void **state)
{
	char junk[3000];

	memset(junk, 'j', sizeof(junk));
	on_terminal(console_forever);
	wait_until(true);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(write(master, junk, sizeof(junk)), sizeof(junk));
		usleep(20000);
	}
	assert_int_equal(write(master, "\001x", 2), 2);
	assert_int_equal(child_status(), 0);
	close(master);
}

static void fatal_signals_restore_the_terminal(void **state)
{
	static const int sigs[] = { SIGTERM, SIGSEGV, SIGABRT, SIGHUP, SIGQUIT };

	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++) {
		int status;

		on_terminal(console_forever);
		wait_until(true);
		kill(child, sigs[i]);
		status = child_status();
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status));
		wait_until(false);
		close(master);
	}
}

static void stop_and_continue_restore_and_take_again(void **state)
{
	int status;

	on_terminal(console_forever);
	wait_until(true);
	kill(child, SIGTSTP);
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	assert_true(WIFSTOPPED(status));
	assert_false(is_raw());
	kill(child, SIGCONT);
	wait_until(true);
	assert_int_equal(write(master, "\001x", 2), 2);
	child_status();
	close(master);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(file_takes_output),
		T(file_that_cannot_be_opened_is_named),
		T(pty_carries_both_directions),
		T(socket_serves_one_client_after_another),
		T(socket_in_use_is_refused_and_a_stale_one_replaced),
		T(socket_never_replaces_another_file),
		T(slow_reader_loses_the_oldest_bytes),
		T(input_waits_for_the_device),
		T(terminal_escapes_work),
		T(quit_works_although_the_guest_takes_nothing),
		T(fatal_signals_restore_the_terminal),
		T(stop_and_continue_restore_and_take_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
