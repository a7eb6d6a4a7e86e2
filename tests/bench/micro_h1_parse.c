/* SPDX-License-Identifier: Apache-2.0
 *
 * micro_h1_parse: what a head of HTTP/1.1 costs, from the first byte to the neutral form, with a
 * warm cache: the best of many rounds, in ns. No verdict.
 *     cmake --build --preset release --target micro_h1_parse && build/release/tests/micro_h1_parse
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/must.h"
#include "edge/http1/h1_parse.h"

enum { ROUNDS = 40, HEADS = 50000 };

/* clang-format off */
static const char wrk[] =
	"GET /index.html HTTP/1.1\r\n"
	"Host: 127.0.0.1:8080\r\n"
	"\r\n";

static const char browser[] =
	"GET /assets/img/hero-2560.avif?v=8f3c2a1d HTTP/1.1\r\n"
	"Host: www.example.com\r\n"
	"Connection: keep-alive\r\n"
	"sec-ch-ua: \"Chromium\";v=\"124\", \"Google Chrome\";v=\"124\", \"Not-A.Brand\";v=\"99\"\r\n"
	"sec-ch-ua-mobile: ?0\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36\r\n"
	"sec-ch-ua-platform: \"Linux\"\r\n"
	"Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\n"
	"Sec-Fetch-Site: same-origin\r\n"
	"Sec-Fetch-Mode: no-cors\r\n"
	"Sec-Fetch-Dest: image\r\n"
	"Referer: https://www.example.com/products/1\r\n"
	"Accept-Encoding: gzip, deflate, br, zstd\r\n"
	"Accept-Language: en-GB,en;q=0.9\r\n"
	"Cookie: session=5f2b6f0a9c2e4e3c8d1b; theme=dark; cart=3\r\n"
	"\r\n";

static const char origin[] =
	"HTTP/1.1 200 OK\r\n"
	"Server: nginx/1.22.1\r\n"
	"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
	"Content-Type: application/octet-stream\r\n"
	"Content-Length: 1024\r\n"
	"Last-Modified: Sat, 05 Nov 1994 08:49:37 GMT\r\n"
	"Connection: keep-alive\r\n"
	"ETag: \"66f2a1b0-400\"\r\n"
	"Cache-Control: public, max-age=3600\r\n"
	"Accept-Ranges: bytes\r\n"
	"\r\n";
/* clang-format on */

static const struct h1_limits limits = { 8192, 16384, HTTP_MAX_FIELDS };

static int once(struct span input, bool response, struct arena *arena)
{
	struct h1_scan scan = { 0 };
	struct http_head head;
	struct h1_parsed parsed;
	size_t len;

	arena_empty(arena);
	int r = h1_find_end(&scan, input, &limits, &len);
	if (r != H1_PARSED)
		return r;
	struct span bytes = span_from(span_first(input, len), scan.start);
	if (response)
		return h1_parse_response(bytes, HTTP_METHOD_GET, &limits, arena, &head, &parsed);
	return h1_parse_request(bytes, SPAN_LIT("http"), &limits, arena, &head, &parsed);
}

static void measure(const char *name, struct span input, bool response)
{
	struct arena arena;
	int64_t best_ns = INT64_MAX;

	arena_init(&arena, 65536);
	for (int round = 0; round < ROUNDS; round++) {
		int64_t from_ns = mono_read().ns;
		for (int i = 0; i < HEADS; i++)
			MUST(once(input, response, &arena) == H1_PARSED);
		int64_t ns = mono_read().ns - from_ns;
		best_ns = ns < best_ns ? ns : best_ns;
	}
	printf("%-8s %4zu bytes  %6.1f ns\n", name, input.len, (double)best_ns / HEADS);
	arena_fini(&arena);
}

int main(void)
{
	measure("wrk", span_str(wrk), false);
	measure("browser", span_str(browser), false);
	measure("origin", span_str(origin), true);
	return 0;
}
