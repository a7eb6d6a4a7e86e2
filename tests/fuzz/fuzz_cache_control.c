/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_cache_control: lines of Cache-Control, together and in another order, and as a targeted
 * field. More lines never let more through, and what was understood, written out, is understood
 * alike.
 */
#include "core/buf.h"
#include "core/must.h"
#include "core/obj.h"
#include "edge/cache/cache_control.h"

#include <inttypes.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const says_names[] = {
#define X(ID, name) name,
	CACHE_SAYS(X)
#undef X
};
static const char *const time_names[] = {
#define X(ID, name) name,
	CACHE_TIMES(X)
#undef X
};

static void control_check(const struct cache_control *control, struct span text)
{
	const struct span lists[] = { control->no_cache_fields, control->private_fields };

	MUST(control->says >> CACHE_N_SAYS == 0);
	for (size_t i = 0; i < CACHE_N_TIMES; i++)
		MUST(control->times_s[i] == CACHE_UNSAID ||
		     (control->times_s[i] >= 0 && control->times_s[i] <= CACHE_FOREVER_S));
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		MUST(lists[i].len == 0 ||
		     (lists[i].at >= text.at && lists[i].at + lists[i].len <= text.at + text.len));
	if (!control->any)
		MUST(!control->says);
}

/* What `more` says, having read more, is no more than `less` lets through. */
static void stricter(const struct cache_control *more, const struct cache_control *less)
{
	MUST((less->says & ~more->says) == 0);
	for (size_t i = 0; i < CACHE_N_TIMES; i++) {
		int64_t before_s = less->times_s[i], after_s = more->times_s[i];
		if (before_s != CACHE_UNSAID)
			MUST(i == CACHE_MIN_FRESH ? after_s >= before_s : after_s <= before_s);
		if (before_s != CACHE_UNSAID)
			MUST(after_s != CACHE_UNSAID);
	}
}

static void same(const struct cache_control *a, const struct cache_control *b)
{
	MUST(a->says == b->says && a->any == b->any);
	for (size_t i = 0; i < CACHE_N_TIMES; i++)
		MUST(a->times_s[i] == b->times_s[i]);
}

static void write_out(const struct cache_control *control, struct buf *out)
{
	for (size_t i = 0; i < CACHE_N_SAYS; i++) {
		if (cache_control_says(control, (enum cache_says)i))
			buf_printf(out, "%s%s", out->len ? ", " : "", says_names[i]);
	}
	for (size_t i = 0; i < CACHE_N_TIMES; i++) {
		if (control->times_s[i] != CACHE_UNSAID)
			buf_printf(out, "%s%s=%" PRId64, out->len ? ", " : "", time_names[i],
				   control->times_s[i]);
	}
}

static void again_check(const struct cache_control *control)
{
	struct cache_control again, targeted;
	struct buf text;

	buf_init(&text, 4096);
	write_out(control, &text);
	cache_control_init(&again);
	cache_control_read(&again, buf_span(&text));
	again.any = control->any; /* of directives that are not known nothing is written */
	same(&again, control);
	cache_control_init(&targeted);
	MUST(cache_control_read_targeted(&targeted, buf_span(&text)));
	targeted.any = control->any;
	same(&targeted, control);
	buf_fini(&text);
}

static void lists_check(const struct cache_control *control)
{
	struct span rest = control->no_cache_fields, name;

	MUST(!cache_control_names(SPAN_NONE, SPAN_LIT("a")));
	while (span_cut(&rest, ',', &name))
		MUST(cache_control_names(control->no_cache_fields, span_trim(name)));
}

static void targeted_check(struct span text)
{
	struct cache_control control, before;

	cache_control_init(&control);
	cache_control_read(&control, SPAN_LIT("private, max-age=5"));
	before = control;
	if (!cache_control_read_targeted(&control, text)) {
		same(&control, &before); /* nothing was taken */
		return;
	}
	control_check(&control, text);
	again_check(&control);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size), rest = text, line;
	struct cache_control all;

	cache_control_init(&all);
	while (span_cut(&rest, '\n', &line)) {
		struct cache_control before = all, one;
		cache_control_read(&all, line);
		control_check(&all, text);
		stricter(&all, &before);
		cache_control_init(&one);
		cache_control_read(&one, line);
		stricter(&all, &one);
		lists_check(&all);
		targeted_check(line);
	}
	again_check(&all);
	return 0;
}
