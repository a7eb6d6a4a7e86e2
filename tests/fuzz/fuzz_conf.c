/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_conf: any text is bound or refused with sorted errors; what is bound without an error is
 * inside its ranges.
 */
#include "tests/unit/core/conf_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bound(const struct sample_root *root)
{
	MUST(root->name);
	MUST(root->n_workers >= 1 && root->n_workers <= 256);
	MUST(root->limits.share >= 0 && root->limits.share <= 1);
	MUST(!root->tls.set || root->tls.certificate);
	for (size_t i = 0; i < root->n_pools; i++) {
		const struct sample_pool *pool = &root->pools[i];
		MUST(pool->name && pool->balance >= SAMPLE_ROUND_ROBIN);
		MUST(pool->timeout_ms >= 10 && pool->timeout_ms <= 60000);
		for (size_t j = 0; j < pool->n_origins; j++)
			MUST(pool->origins[j].address && pool->origins[j].weight >= 1);
	}
	for (size_t i = 0; i < root->n_fallback; i++)
		MUST(root->fallback[i].name && root->fallback[i].n_addresses <= 4);
	for (size_t i = 0; i < root->n_hosts; i++)
		MUST(root->hosts[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *conf;
	void *root;
	struct buf out;

	MUST(conf_read_text(span_of(data, size), "fuzz.yaml", &sample_section, &conf, &root) == 0);
	for (size_t i = 1; i < conf_n_errors(conf); i++)
		MUST(conf_error_at(conf, i - 1)->line <= conf_error_at(conf, i)->line);
	if (conf_n_errors(conf) == 0)
		check_bound(root);
	buf_init(&out, 1 << 20);
	conf_fault(conf, root, "at the root");
	conf_print_errors(conf, &out);
	MUST(!out.failed && out.len > 0);
	buf_fini(&out);
	conf_free(conf);
	return 0;
}
