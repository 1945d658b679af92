/* The file format of recordings: header, blocks, checksums, zstd. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zstd.h>

#include "common/base/alloc.h"
#include "common/recording/recording-block.h"

#define BLOCK_MAGIC 0x424c5450u /* "PTLB" in the file */
#define LEVEL       3

static const uint8_t file_magic[8] = { 'P', 'T', 'L', 'N', 'R', 'E', 'C', '\n' };

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

void recording_header_encode(const struct recording_header *h, uint8_t out[RECORDING_HEADER_SIZE])
{
	memset(out, 0, RECORDING_HEADER_SIZE);
	memcpy(out, file_magic, sizeof(file_magic));
	put32(out + 8, RECORDING_VERSION);
	put32(out + 12, h->flags);
	put64(out + 16, (uint64_t)h->begun_usec);
	put64(out + 24, h->id);
	put64(out + 56, XXH3_64bits(out, 56));
}

int recording_header_decode(const uint8_t in[RECORDING_HEADER_SIZE], struct recording_header *ret)
{
	if (memcmp(in, file_magic, sizeof(file_magic)) != 0 ||
	    get64(in + 56) != XXH3_64bits(in, 56))
		return -EBADMSG;
	if (get32(in + 8) != RECORDING_VERSION)
		return -EPROTONOSUPPORT;
	*ret = (struct recording_header){
		.flags = get32(in + 12),
		.begun_usec = (int64_t)get64(in + 16),
		.id = get64(in + 24),
	};
	return 0;
}

void block_encode(const struct strbuf *records, int64_t first_usec, int64_t last_usec,
		  struct strbuf *out)
{
	size_t bound = ZSTD_compressBound(records->len), n;
	uint8_t *at = (uint8_t *)strbuf_room(out, BLOCK_HEADER_SIZE + bound);

	/* It fails for want of memory or room only, and there is room. */
	n = ZSTD_compress(at + BLOCK_HEADER_SIZE, bound, records->s, records->len, LEVEL);
	if (ZSTD_isError(n))
		abort();
	memset(at, 0, BLOCK_HEADER_SIZE);
	put32(at, BLOCK_MAGIC);
	put32(at + 4, 0);
	put32(at + 8, (uint32_t)n);
	put32(at + 12, (uint32_t)records->len);
	put64(at + 16, (uint64_t)first_usec);
	put64(at + 24, (uint64_t)last_usec);
	put64(at + 40, XXH3_64bits(at + BLOCK_HEADER_SIZE, n));
	put64(at + 48, XXH3_64bits(at, 48));
	out->len += BLOCK_HEADER_SIZE + n;
}

int recording_read(int fd, void *data, size_t n)
{
	size_t have = 0;

	while (have < n) {
		ssize_t r = read(fd, (uint8_t *)data + have, n - have);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			return have ? -ENODATA : 0;
		have += (size_t)r;
	}
	return 1;
}

int block_read_header(int fd, struct block_header *ret, uint8_t raw[BLOCK_HEADER_SIZE])
{
	int r = recording_read(fd, raw, BLOCK_HEADER_SIZE);

	if (r <= 0)
		return r == -ENODATA ? -EBADMSG : r;
	*ret = (struct block_header){
		.packed = get32(raw + 8),
		.raw = get32(raw + 12),
		.first_usec = (int64_t)get64(raw + 16),
		.last_usec = (int64_t)get64(raw + 24),
	};
	if (get32(raw) != BLOCK_MAGIC || get64(raw + 48) != XXH3_64bits(raw, 48) ||
	    ret->raw > BLOCK_RAW_MAX || ret->packed > ZSTD_compressBound(BLOCK_RAW_MAX))
		return -EBADMSG;
	return 1;
}

int block_read(int fd, const struct block_header *h, const uint8_t raw[BLOCK_HEADER_SIZE],
	       struct strbuf *records)
{
	_cleanup_free_ uint8_t *packed = xmalloc(h->packed ? h->packed : 1);
	int r = h->packed ? recording_read(fd, packed, h->packed) : 1;
	size_t n;

	if (r <= 0)
		return r == 0 ? -ENODATA : r;
	if (get64(raw + 40) != XXH3_64bits(packed, h->packed))
		return -EBADMSG;
	strbuf_clear(records);
	n = ZSTD_decompress(strbuf_room(records, h->raw), h->raw, packed, h->packed);
	if (ZSTD_isError(n) || n != h->raw)
		return -EBADMSG;
	records->len = n;
	return 0;
}
