/* SPDX-License-Identifier: Apache-2.0
 *
 * geo_db: see the header. libmaxminddb has no iterator, so the search tree is walked here node by
 * node, with a stack of our own (a file from outside must not choose our recursion), and joined
 * into a prefix tree on the way back up. Records are shared by many networks: each is read once, by
 * its offset.
 */
#include "gtm/geo/geo_db.h"

#include <maxminddb.h>

#include "core/error.h"
#include "core/obj.h"
#include "core/table.h"

enum { MAX_DEPTH = 128, MAX_TREE_NODES = 64 * 1024 * 1024 };

struct geo_db {
	uint32_t kind;
	MMDB_s mmdb;
	const char *const *country_path; /* borrowed; NULL: the usual places */
};

#define DB_KIND OBJ_KIND('m', 'm', 'd', 'b')

int geo_db_open(const char *path, const char *const *country_path, struct geo_db **ret_db,
		const char **ret_why)
{
	struct geo_db *db = OBJ_NEW(struct geo_db, DB_KIND);
	if (!db)
		return err_new(-ENOMEM);

	int status = MMDB_open(path, MMDB_MODE_MMAP, &db->mmdb);
	if (status != MMDB_SUCCESS) {
		*ret_why = MMDB_strerror(status);
		OBJ_FREE(db);
		return err_new(status == MMDB_FILE_OPEN_ERROR ? -ENOENT : -EINVAL);
	}
	db->country_path = country_path;
	*ret_db = db;
	return 0;
}

void geo_db_close(struct geo_db *db)
{
	if (!db)
		return;
	MMDB_close(&db->mmdb);
	OBJ_FREE(db);
}

static bool read_value(MMDB_entry_s *entry, const char *const *path, uint32_t type,
		       MMDB_entry_data_s *ret_data)
{
	return MMDB_aget_value(entry, ret_data, path) == MMDB_SUCCESS && ret_data->has_data &&
	       ret_data->type == type;
}

static void read_record(const struct geo_db *db, MMDB_entry_s entry, struct geo_record *record)
{
	static const char *const latitude[] = { "location", "latitude", NULL };
	static const char *const longitude[] = { "location", "longitude", NULL };
	static const char *const nested[] = { "country", "iso_code", NULL };
	static const char *const flat[] = { "country_code", NULL };
	MMDB_entry_data_s data;

	*record = (struct geo_record){ 0 };
	bool has_country =
		db->country_path
			? read_value(&entry, db->country_path, MMDB_DATA_TYPE_UTF8_STRING, &data)
			: read_value(&entry, nested, MMDB_DATA_TYPE_UTF8_STRING, &data) ||
				  read_value(&entry, flat, MMDB_DATA_TYPE_UTF8_STRING, &data);
	if (has_country && data.data_size == 2) {
		memcpy(record->country, data.utf8_string, 2);
		record->place = place_of_country(span_of(data.utf8_string, 2));
	}
	MMDB_entry_data_s lat, lon;
	if (read_value(&entry, latitude, MMDB_DATA_TYPE_DOUBLE, &lat) &&
	    read_value(&entry, longitude, MMDB_DATA_TYPE_DOUBLE, &lon))
		record->place = (struct geo_place){ lat.double_value, lon.double_value, true };
}

/* ---- folding ------------------------------------------------------------------------------- */

struct seen { /* a record that has its value */
	UT_hash_handle hh;
	uint32_t offset;
	uint32_t value;
};

struct frame {
	uint32_t node;
	prefix_part zero;
	uint8_t n_done; /* 0: nothing, 1: zero is there, 2: both under way */
};

struct fold {
	const struct geo_db *db;
	struct prefix_tree *tree;
	geo_value_fn value;
	void *arg;
	struct seen *seen;
	uint32_t skip_node; /* the IPv4 subtree inside an IPv6 tree; UINT32_MAX: none */
	struct frame stack[MAX_DEPTH + 1];
	unsigned depth;
	prefix_part result;
	bool done;
};

static int remember(struct fold *fold, uint32_t offset, uint32_t value)
{
	struct seen *seen = calloc(1, sizeof(*seen));

	if (!seen)
		return err_new(-ENOMEM);
	seen->offset = offset;
	seen->value = value;
	if (!TABLE_ADD(fold->seen, span_of(&seen->offset, sizeof(seen->offset)), seen)) {
		free(seen);
		return err_new(-ENOMEM);
	}
	return 0;
}

static int value_of(struct fold *fold, MMDB_entry_s entry, uint32_t *ret_value)
{
	struct seen *seen = NULL;

	TABLE_FIND(fold->seen, span_of(&entry.offset, sizeof(entry.offset)), seen);
	if (seen) {
		*ret_value = seen->value;
		return 0;
	}
	struct geo_record record;
	read_record(fold->db, entry, &record);
	uint32_t value = PREFIX_TREE_NONE;
	int r = fold->value(&record, fold->arg, &value);
	if (r < 0)
		return err_pass(r);

	*ret_value = value;
	return err_pass(remember(fold, entry.offset, value));
}

/* A finished part goes to the frame that waits for it; full frames are joined and go on up. */
static int deliver(struct fold *fold, prefix_part part)
{
	while (fold->depth > 0) {
		struct frame *top = &fold->stack[fold->depth - 1];
		if (top->n_done == 1) {
			top->zero = part;
			return 0;
		}
		int r = prefix_tree_join(fold->tree, top->zero, part, &part);
		if (r < 0)
			return err_pass(r);
		fold->depth--;
	}
	fold->result = part;
	fold->done = true;
	return 0;
}

static int enter(struct fold *fold, uint64_t node)
{
	if (node == fold->skip_node)
		return deliver(fold, prefix_tree_leaf(PREFIX_TREE_NONE));
	if (fold->depth >= MAX_DEPTH)
		return err_new(-EINVAL); /* a loop in a damaged file */
	fold->stack[fold->depth++] = (struct frame){ .node = (uint32_t)node };
	return 0;
}

static int take_record(struct fold *fold, uint8_t type, uint64_t record, MMDB_entry_s entry)
{
	uint32_t value = PREFIX_TREE_NONE;
	int r;

	switch (type) {
	case MMDB_RECORD_TYPE_SEARCH_NODE:
		return enter(fold, record);
	case MMDB_RECORD_TYPE_EMPTY:
		return deliver(fold, prefix_tree_leaf(PREFIX_TREE_NONE));
	case MMDB_RECORD_TYPE_DATA:
		r = value_of(fold, entry, &value);
		return r < 0 ? r : deliver(fold, prefix_tree_leaf(value));
	default:
		return err_new(-EINVAL);
	}
}

static int step(struct fold *fold)
{
	struct frame *top = &fold->stack[fold->depth - 1];
	MMDB_search_node_s node;

	if (MMDB_read_node(&fold->db->mmdb, top->node, &node) != MMDB_SUCCESS)
		return err_new(-EINVAL);
	if (top->n_done++ == 0)
		return take_record(fold, node.left_record_type, node.left_record,
				   node.left_record_entry);
	return take_record(fold, node.right_record_type, node.right_record,
			   node.right_record_entry);
}

static int start(struct fold *fold, bool v4)
{
	const MMDB_s *mmdb = &fold->db->mmdb;
	bool v4_only = mmdb->metadata.ip_version == 4;

	fold->skip_node = UINT32_MAX;
	if (v4)
		return enter(fold, v4_only ? 0 : mmdb->ipv4_start_node.node_value);
	if (v4_only)
		return deliver(fold, prefix_tree_leaf(PREFIX_TREE_NONE));
	fold->skip_node = mmdb->ipv4_start_node.node_value;
	return enter(fold, 0);
}

int geo_db_fold(const struct geo_db *db, bool v4, geo_value_fn value, void *arg,
		struct prefix_tree **ret_tree)
{
	struct fold *fold = calloc(1, sizeof(*fold));
	if (!fold)
		return err_new(-ENOMEM);
	fold->db = db;
	fold->value = value;
	fold->arg = arg;

	int r = prefix_tree_new(MAX_TREE_NODES, &fold->tree);
	if (r == 0)
		r = start(fold, v4);
	while (r == 0 && !fold->done)
		r = step(fold);
	if (r == 0)
		r = prefix_tree_finish(fold->tree, fold->result);
	if (r == 0)
		*ret_tree = TAKE(fold->tree);

	struct seen *seen, *next;
	TABLE_FOREACH (fold->seen, seen, next) {
		TABLE_DELETE(fold->seen, seen);
		free(seen);
	}
	prefix_tree_free(fold->tree);
	free(fold);
	return err_pass(r);
}

bool geo_db_find(const struct geo_db *db, const struct client_net *client,
		 struct geo_record *ret_record)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	int error = MMDB_SUCCESS;

	memcpy(&v6.sin6_addr, client->key, 16);
	memcpy(&v4.sin_addr, client->key + 12, 4);
	const struct sockaddr *sa =
		client->is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;
	MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&db->mmdb, sa, &error);
	if (error != MMDB_SUCCESS || !found.found_entry)
		return false;
	read_record(db, found.entry, ret_record);
	return true;
}
