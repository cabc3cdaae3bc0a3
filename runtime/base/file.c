/* Whole files in, whole files out.
 *
 * Output goes to a hidden file beside the final name and is renamed when complete, so that a crash,
 * a full disk or Ctrl-C never leaves half a file under the name the user gave. Devices and pipes
 * (/dev/stdout, /dev/full) cannot be renamed over; they are written in place. */
#include "runtime/base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	NAME_KEPT = 200, /* file systems allow 255 bytes; ours adds the process number and ".tmp" */
	ATTEMPTS = 100   /* a killed process with our number may have left its file */
};

static precess_status cannot_read(const char *path)
{
	return precess_fail(PRECESS_EIO, "cannot read %s: %s", path, strerror(errno));
}

static precess_status is_folder(const char *path)
{
	return precess_fail(PRECESS_EIO, "cannot read %s: it is a folder", path);
}

/* Pipes have no size, so the buffer grows with what arrives. */
static precess_status read_all(char **out, size_t *size, FILE *f, const char *path, size_t limit)
{
	size_t n = 0, got, capacity = 0, room;
	char *data = NULL, *grown;

	for (;;) {
		room = capacity ? capacity * 2 : 65536;
		if (room > limit)
			room = limit + 1; /* one more, to see that there is more */
		grown = realloc(data, room + 1);
		if (!grown) {
			free(data);
			return precess_fail(PRECESS_ENOMEM, "out of memory while reading %s", path);
		}
		data = grown;
		capacity = room;
		got = fread(data + n, 1, capacity - n, f);
		n += got;
		if (n > limit) {
			free(data);
			return precess_fail(PRECESS_EINVAL,
					    "%s: larger than %.3g MB, the limit here", path,
					    (double)limit / 1e6);
		}
		if (n < capacity)
			break;
	}
	if (ferror(f)) {
		cannot_read(path);
		free(data);
		return PRECESS_EIO;
	}
	data[n] = '\0';
	*out = data;
	if (size)
		*size = n;
	return PRECESS_OK;
}

precess_status file_read(char **out, size_t *size, const char *path, size_t limit)
{
	FILE *f = fopen(path, "rb");
	precess_status st;
	struct stat s;

	if (!f)
		return cannot_read(path);
	if (fstat(fileno(f), &s) == 0 && S_ISDIR(s.st_mode))
		st = is_folder(path);
	else
		st = read_all(out, size, f, path, limit);
	fclose(f);
	return st;
}

precess_status file_input_probe(const char *path)
{
	FILE *f = fopen(path, "rb");
	precess_status st = PRECESS_OK;
	struct stat s;

	if (!f)
		return cannot_read(path);
	if (fstat(fileno(f), &s) == 0 && S_ISDIR(s.st_mode))
		st = is_folder(path);
	fclose(f);
	return st;
}

static precess_status cannot_write(const char *path)
{
	const char *hint = "";

	if (errno == EACCES || errno == EPERM || errno == EROFS || errno == ENOENT ||
	    errno == ENOTDIR)
		hint = "; choose another folder with -o";
	return precess_fail(PRECESS_EIO, "cannot write %s: %s%s", path, strerror(errno), hint);
}

/* Renaming over what is not a plain file would replace a device by a file. The names below /dev and
 * /proc count even when they lead to one: `-o /dev/stdout >log` means the open log. */
static bool written_in_place(const char *path, const struct stat *target)
{
	return (target && !S_ISREG(target->st_mode)) || strncmp(path, "/dev/", 5) == 0 ||
	       strncmp(path, "/proc/", 6) == 0;
}

/* Creates the file, so that a folder that cannot be written is known before the long work. */
static precess_status create_temporary(struct file_output *f, const struct stat *target)
{
	const char *slash = strrchr(f->final, '/');
	const char *name = slash ? slash + 1 : f->final;
	size_t folder = (size_t)(name - f->final), room = strlen(f->final) + 64;
	int i, fd = -1;

	f->temporary = malloc(room);
	if (!f->temporary)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (i = 0; i < ATTEMPTS && fd < 0; i++) {
		snprintf(f->temporary, room, "%.*s.%.*s.%ld.%d.tmp", (int)folder, f->final,
			 NAME_KEPT, name, (long)getpid(), i);
		fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	if (fd < 0)
		return cannot_write(f->final);
	if (target) /* the replacement keeps the permissions; where it may not, nothing is lost */
		(void)!fchmod(fd, target->st_mode & 07777);
	close(fd);
	return PRECESS_OK;
}

static void output_free(struct file_output *f)
{
	free(f->final);
	free(f->temporary);
	free(f);
}

precess_status file_output_create(struct file_output **out, const char *path)
{
	struct file_output *f = calloc(1, sizeof *f);
	size_t n = strlen(path);
	struct stat s, *target;
	precess_status st;

	if (!f)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	target = stat(path, &s) == 0 ? &s : NULL;
	if ((target && S_ISDIR(target->st_mode)) || n == 0 || path[n - 1] == '/') {
		st = precess_fail(PRECESS_EIO, "cannot write %s: %s", n ? path : "\"\"",
				  n ? "it is a folder; name a file" : "the name is empty");
		goto failed;
	}
	if (target && access(path, W_OK) != 0) {
		st = cannot_write(path);
		goto failed;
	}
	if (written_in_place(path, target)) {
		f->final = strdup(path);
		f->temporary = strdup(path);
		st = f->final && f->temporary ? PRECESS_OK
					      : precess_fail(PRECESS_ENOMEM, "out of memory");
	} else {
		/* replace the file a symbolic link leads to, not the link */
		f->final = target ? realpath(path, NULL) : strdup(path);
		st = f->final ? create_temporary(f, target) : cannot_write(path);
	}
	if (st)
		goto failed;
	*out = f;
	return PRECESS_OK;
failed:
	output_free(f);
	return st;
}

/* Some systems report a full disk only here, after every write seemed to succeed. */
static int sync_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), bad;

	if (fd < 0)
		return -1;
	bad = fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP ? errno : 0;
	close(fd);
	errno = bad;
	return bad ? -1 : 0;
}

precess_status file_output_commit(struct file_output *f)
{
	precess_status st = PRECESS_OK;

	if (strcmp(f->temporary, f->final) != 0 &&
	    (sync_file(f->temporary) != 0 || rename(f->temporary, f->final) != 0)) {
		st = cannot_write(f->final);
		unlink(f->temporary);
	}
	output_free(f);
	return st;
}

void file_output_discard(struct file_output *f)
{
	if (!f)
		return;
	if (strcmp(f->temporary, f->final) != 0)
		unlink(f->temporary);
	output_free(f);
}

precess_status file_output_probe(const char *path)
{
	struct file_output *f;
	precess_status st = path ? file_output_create(&f, path) : PRECESS_OK;

	if (path && !st)
		file_output_discard(f);
	return st;
}

precess_status file_write(const char *path, const void *bytes, size_t n)
{
	struct file_output *f = NULL;
	precess_status st;
	FILE *file;
	bool bad;

	st = file_output_create(&f, path);
	if (st)
		return st;
	file = fopen(f->temporary, "wb");
	bad = !file || (n && fwrite(bytes, 1, n, file) != n);
	if (file && fclose(file) != 0)
		bad = true;
	if (!bad)
		return file_output_commit(f);
	st = cannot_write(path);
	file_output_discard(f);
	return st;
}
