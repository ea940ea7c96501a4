/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_block.c - raw disks, their locks and errors, and both ways of doing I/O. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include "tests/unit/virtio_bed.h"
#include "vmm/block/aio.h"
#include "vmm/block/block.h"

#define SIZE 65536

static char dir[] = "/tmp/kvist-block-XXXXXX";
static char path[64];
static struct loop *loop;

static int setup(void **state)
{
	int fd;

	strcpy(dir, "/tmp/kvist-block-XXXXXX");
	if (!mkdtemp(dir) || loop_new(&loop))
		return -1;
	snprintf(path, sizeof(path), "%s/disk", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, SIZE))
		return -1;
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	char cmd[96];

	loop_free(loop);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

/* What block_open() prints and returns. */
static int open_says(const char *p, bool readonly, char *text, size_t size, struct block **out)
{
	int pipefd[2], saved = dup(2), err;
	ssize_t n;

	assert_int_equal(pipe(pipefd), 0);
	fflush(stderr);
	dup2(pipefd[1], 2);
	err = block_open(loop, p, readonly, out);
	fflush(stderr);
	dup2(saved, 2);
	close(saved);
	close(pipefd[1]);
	n = read(pipefd[0], text, size - 1);
	text[n > 0 ? n : 0] = 0;
	close(pipefd[0]);
	return err;
}

static void expect_refusal(const char *p, bool readonly, int err, const char *text)
{
	struct block *b = NULL;
	char said[512];

	assert_int_equal(open_says(p, readonly, said, sizeof(said), &b), err);
	assert_null(b);
	assert_non_null(strstr(said, text));
	assert_non_null(strstr(said, p));
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);	/* one line */
}

static void missing_file_is_refused(void **state)
{
	expect_refusal("/nonexistent/disk", false, -ENOENT, "No such file");
}

static void directory_is_refused(void **state)
{
	expect_refusal(dir, false, -EISDIR, "directory");
	expect_refusal(dir, true, -EISDIR, "directory");
}

static void odd_sizes_are_refused(void **state)
{
	assert_int_equal(truncate(path, SIZE + 1), 0);
	expect_refusal(path, false, -EINVAL, "not a multiple of 512");
	assert_int_equal(truncate(path, 0), 0);
	expect_refusal(path, false, -EINVAL, "empty");
}

static void other_kinds_of_files_are_refused(void **state)
{
	char fifo[80];

	expect_refusal("/dev/null", false, -EINVAL, "neither a file nor a block device");
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	expect_refusal(fifo, true, -EINVAL, "neither a file nor a block device");
}

static void disk_in_use_is_refused(void **state)
{
	struct block *b, *r1, *r2;

	assert_int_equal(block_open(loop, path, false, &b), 0);
	expect_refusal(path, false, -EBUSY, "in use by another kvist");
	expect_refusal(path, true, -EBUSY, "in use by another kvist");
	block_close(b);
	assert_int_equal(block_open(loop, path, true, &r1), 0);
	assert_int_equal(block_open(loop, path, true, &r2), 0);
	expect_refusal(path, false, -EBUSY, "in use by another kvist");
	block_close(r1);
	block_close(r2);
	assert_int_equal(block_open(loop, path, false, &b), 0);
	block_close(b);
}

static void size_is_the_files(void **state)
{
	struct block *b;

	assert_int_equal(block_open(loop, path, false, &b), 0);
	assert_int_equal(b->size, SIZE);
	block_close(b);
}

static int result;

static void done(struct block_req *r, int res)
{
	result = res;
}

static int run(struct block *b, struct block_req *r)
{
	r->done = done;
	result = 1;
	b->format->submit(b, r);
	b->format->drain(b);
	return result;
}

static void data_comes_back_as_written(void **state)
{
	static u8 out[8192], in[8192];
	struct iovec iov[3];
	struct block_req r;
	struct block *b;
	unsigned int i;

	for (i = 0; i < sizeof(out); i++)
		out[i] = (u8)(i * 7);
	assert_int_equal(block_open(loop, path, false, &b), 0);
	iov[0] = (struct iovec){ out, 100 };
	iov[1] = (struct iovec){ out + 100, 4000 };
	iov[2] = (struct iovec){ out + 4100, 8192 - 4100 };
	r = (struct block_req){ .op = BLOCK_WRITE, .off = 512, .len = 8192, .iov = iov, .n_iov = 3 };
	assert_int_equal(run(b, &r), 0);
	iov[0] = (struct iovec){ in, 8192 };
	r = (struct block_req){ .op = BLOCK_READ, .off = 512, .len = 8192, .iov = iov, .n_iov = 1 };
	assert_int_equal(run(b, &r), 0);
	assert_memory_equal(in, out, sizeof(in));
	r = (struct block_req){ .op = BLOCK_FLUSH };
	assert_int_equal(run(b, &r), 0);
	r = (struct block_req){ .op = BLOCK_ZERO, .off = 1024, .len = 512 };
	assert_int_equal(run(b, &r), 0);
	iov[0] = (struct iovec){ in, 8192 };
	r = (struct block_req){ .op = BLOCK_READ, .off = 512, .len = 8192, .iov = iov, .n_iov = 1 };
	assert_int_equal(run(b, &r), 0);
	assert_int_equal(in[511], out[511]);
	assert_int_equal(in[512], 0);
	assert_int_equal(in[1023], 0);
	assert_int_equal(in[1024], out[1024]);
	block_close(b);
}

/* ---- both aio classes, on the same tasks ---- */

#define N_AIO 600	/* more than io_uring's ring holds */

struct task {
	struct aio_req r;
	struct iovec iov;
	u32 val;
	long result;
};

static void task_done(struct aio_req *r, long res)
{
	container_of(r, struct task, r)->result = res;
}

static void aio_all(const struct aio_class *cls)
{
	static struct task t[N_AIO];
	struct aio *a;
	unsigned int i;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_int_equal(aio_new(loop, cls, &a), 0);
	for (i = 0; i < N_AIO; i++) {
		t[i] = (struct task){ .val = i, .result = -1 };
		t[i].iov = (struct iovec){ &t[i].val, 4 };
		t[i].r = (struct aio_req){ .op = AIO_WRITE, .fd = fd, .off = 4 * i,
					   .iov = &t[i].iov, .n_iov = 1, .done = task_done };
		aio_submit(a, &t[i].r);
	}
	aio_drain(a);
	for (i = 0; i < N_AIO; i++) {
		assert_int_equal(t[i].result, 4);
		t[i].val = ~0u;
		t[i].r.op = AIO_READ;
		aio_submit(a, &t[i].r);
	}
	aio_drain(a);
	for (i = 0; i < N_AIO; i++)
		assert_int_equal(t[i].val, i);
	t[0].r = (struct aio_req){ .op = AIO_SYNC, .fd = fd, .done = task_done };
	t[1].r = (struct aio_req){ .op = AIO_READ, .fd = -1, .iov = &t[1].iov, .n_iov = 1,
				   .done = task_done };
	t[2].r = (struct aio_req){ .op = AIO_FALLOCATE, .fd = fd, .off = 4096, .len = 4096,
				   .mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
				   .done = task_done };
	t[3].r = (struct aio_req){ .op = AIO_READ, .fd = fd, .off = SIZE, .iov = &t[3].iov,
				   .n_iov = 1, .done = task_done };
	for (i = 0; i < 4; i++)
		aio_submit(a, &t[i].r);
	aio_drain(a);
	assert_int_equal(t[0].result, 0);
	assert_int_equal(t[1].result, -EBADF);
	assert_true(t[2].result == 0 || t[2].result == -EOPNOTSUPP);
	assert_int_equal(t[3].result, 0);
	aio_free(a);
	close(fd);
}

static void threads_do_all_operations(void **state)
{
	aio_all(&aio_threads);
}

static void io_uring_does_all_operations(void **state)
{
	struct aio *a;

	if (aio_new(loop, &aio_uring, &a))
		skip();		/* not everywhere allowed */
	aio_free(a);
	aio_all(&aio_uring);
}

static void completions_come_from_the_loop(void **state)
{
	const struct aio_class *const cls[] = { &aio_threads, NULL };
	struct task t = { .result = -1 };
	struct aio *a;
	unsigned int i, n;
	pthread_t th;

	bed.m.loop = loop;
	pthread_create(&th, NULL, bed_thread, NULL);
	for (i = 0; i < ARRAY_SIZE(cls); i++) {
		int fd = open(path, O_RDWR | O_CLOEXEC);

		t.result = -1;
		t.r = (struct aio_req){ .op = AIO_SYNC, .fd = fd, .done = task_done };
		loop_lock(loop);
		assert_int_equal(aio_new(loop, cls[i], &a), 0);
		aio_submit(a, &t.r);
		aio_kick(a);
		loop_unlock(loop);
		for (n = 0; n < 5000 && READ_ONCE(t.result); n++)
			usleep(1000);
		assert_int_equal(t.result, 0);
		loop_lock(loop);
		aio_free(a);
		loop_unlock(loop);
		close(fd);
	}
	loop_stop(loop);
	pthread_join(th, NULL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(missing_file_is_refused),
		T(directory_is_refused),
		T(odd_sizes_are_refused),
		T(other_kinds_of_files_are_refused),
		T(disk_in_use_is_refused),
		T(size_is_the_files),
		T(data_comes_back_as_written),
		T(threads_do_all_operations),
		T(io_uring_does_all_operations),
		T(completions_come_from_the_loop),
	};

	return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
