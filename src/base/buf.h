/*
 * buf.h - a growing byte buffer, and an immutable reference-counted one.
 *
 * Running out of memory sets `failed` and drops what is appended from then on;
 * callers look once, when they are done.
 */
#ifndef FOX_BASE_BUF_H
#define FOX_BASE_BUF_H

#include "base/slice.h"

typedef struct FoxBuf
{
	char	   *data;			/* malloc'ed; NULL while cap is 0 */
	size_t		len;
	size_t		cap;
	bool		failed;			/* an append ran out of memory */
} FoxBuf;

/* Makes room for n more bytes and returns where they go, or NULL (failed is set). */
extern char *fox_buf_reserve(FoxBuf *b, size_t n);
extern void fox_buf_put(FoxBuf *b, const void *p, size_t n);
extern void fox_buf_char(FoxBuf *b, char c);
extern void fox_buf_slice(FoxBuf *b, FoxSlice s);
extern void fox_buf_str(FoxBuf *b, const char *s);
extern void fox_buf_u64(FoxBuf *b, uint64_t v);	/* decimal */
extern void fox_buf_i64(FoxBuf *b, int64_t v);
/* Appends s as a JSON string with its quotes; bytes of s must be UTF-8. */
extern void fox_buf_json_str(FoxBuf *b, FoxSlice s);
/* Forgets the contents, keeps the memory. */
extern void fox_buf_reset(FoxBuf *b);
extern void fox_buf_free(FoxBuf *b);
static inline FoxSlice
fox_buf_view(const FoxBuf *b)
{
	return (FoxSlice){b->data ? b->data : "", b->len};
}

/* One message for many readers: encoded once, queued by reference. */
typedef struct FoxBytes
{
	uint32_t	refs;
	uint32_t	len;
	struct FoxBytes *shorter;	/* the same compressed, made for the first reader that wants it; itself: it would not be shorter */
	char		data[];
} FoxBytes;

extern FoxBytes *fox_bytes_new(const void *p, size_t n);	/* refs = 1; NULL: no memory */
static inline FoxBytes *
fox_bytes_ref(FoxBytes *b)
{
	b->refs++;
	return b;
}
extern void fox_bytes_unref(FoxBytes *b);	/* frees at 0; NULL is ignored */

/* A NUL-terminated malloc'ed copy of s, or NULL without memory. */
extern char *fox_strdup(FoxSlice s);

#endif
