/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_zone_text: any text is a zone or has faults that are said; all names of a zone can be asked
 * for.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "core/obj.h"
#include "tests/unit/gtm/server/dns_stage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask_all(struct stage *stage, struct zone *zone)
{
	static const char *const names[] = { "example.test", "a.example.test", "b.example.test",
					     "x.y.example.test", "www.example.test" };
	static const uint16_t types[] = { 1, 2, 5, 6, 16, 28, 255 };
	struct zone_set *zones;
	struct reply reply;

	MUST(zone_set_new(&zones) == 0 && zone_set_add(zones, zone) == 0);
	stage->serving.zones = zones;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		for (size_t k = 0; k < ARRAY_LEN(types); k++)
			stage_ask(stage, &(struct ask){ .name = names[i], .type = types[k] },
				  &reply);
	}
	stage->serving.zones = stage->zones;
	snapshot_unref(zone_set_snapshot(zones));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stage *stage;
	int fd = memfd_create("zone", MFD_CLOEXEC);
	char path[32];
	struct buf errors;
	struct zone *zone = NULL;

	if (!stage)
		stage = stage_new();
	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	buf_init(&errors, 1 << 20);
	int r = zone_load(path, "example.test", NULL, 0, &errors, &zone);
	MUST((r == 0) == (errors.len == 0));
	if (r == 0)
		ask_all(stage, zone);
	buf_fini(&errors);
	close(fd);
	return 0;
}
