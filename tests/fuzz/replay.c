/* SPDX-License-Identifier: Apache-2.0
 *
 * replay: runs a fuzz target over the files of its corpus folder, in builds without libFuzzer.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_INPUT_BYTES = 1 << 20 };

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		return -1;
	uint8_t *data = malloc(MAX_INPUT_BYTES);
	if (!data) {
		fclose(file);
		return -1;
	}
	size_t size = fread(data, 1, MAX_INPUT_BYTES, file);
	fclose(file);

	/* An exact copy, so that the address sanitizer sees a read past the end. */
	uint8_t *exact = malloc(size ? size : 1);
	if (exact) {
		for (size_t i = 0; i < size; i++)
			exact[i] = data[i];
		LLVMFuzzerTestOneInput(exact, size);
	}
	free(exact);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned n = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 64;
	}
	struct dirent **names = NULL;
	int n_names = scandir(argv[1], &names, NULL, alphasort);
	if (n_names < 0) {
		perror(argv[1]);
		return 1;
	}
	for (int i = 0; i < n_names; i++) {
		char path[4096];
		snprintf(path, sizeof(path), "%s/%s", argv[1], names[i]->d_name);
		if (names[i]->d_name[0] != '.' && replay_file(path) == 0)
			n++;
		free(names[i]);
	}
	free(names);
	printf("%u inputs replayed\n", n);
	return n == 0; /* an empty corpus proves nothing */
}
