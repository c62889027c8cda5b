/*
 * binary.h - what MessagePack and CBOR have in common.
 *
 * Both are a sequence of heads (a type and a number) and bytes, and differ in how a head
 * looks.  A FoxBinary describes one of them: messages are read through it, and
 * JSON is written in it.
 */
#ifndef FOX_CODEC_BINARY_H
#define FOX_CODEC_BINARY_H

#include "codec/json.h"

/* In the order of CBOR's major types. */
typedef enum FoxHead
{
	FOX_HEAD_UINT,
	FOX_HEAD_NEGATIVE,			/* the number n stands for -1 - n */
	FOX_HEAD_BYTES,
	FOX_HEAD_TEXT,
	FOX_HEAD_ARRAY,
	FOX_HEAD_MAP
} FoxHead;

#define FOX_HEAD_SIZE 9			/* the longest head */
#define FOX_LONG_HEAD 5			/* of an array or a map with a 32-bit count */

/* The elements of an array that are still to come. */
typedef struct FoxElements
{
	const char *p;				/* the next one */
	const char *end;			/* of the input */
	uint64_t	left;
	bool		indefinite;		/* until a mark, not left many */
} FoxElements;

typedef struct FoxBinary
{
	/*
	 * Length of the value that begins in, or 0 when it is malformed, too deep or cut off.
	 * It is wholly checked: what has a length can be turned into JSON.
	 */
	size_t		(*length) (FoxSlice in);
	/* Appends the one value that in is; false when it is malformed or memory is out, then out->len is as before. */
	bool		(*to_json) (FoxSlice in, FoxBuf *out);

	/* Kind of a checked value, as JSON has it; NONE for what JSON has no kind for. */
	FoxKind		(*kind) (FoxSlice value);
	/* A checked value's integer from 0 to 2^53, which may be written as a float; false for anything else. */
	bool		(*uint) (FoxSlice value, uint64_t *out);
	/* A checked value's text, which is a slice of it or, if it is in pieces, appended to scratch; or absent. */
	FoxSlice	(*text) (FoxSlice value, FoxBuf *scratch);

	/* Begins the walk of an array that is not checked yet; false when in begins with something else. */
	bool		(*open) (FoxSlice in, FoxElements *walk);
	/* The next element, checked; *value is absent at the end.  False when it is malformed. */
	bool		(*next) (FoxElements *walk, FoxSlice *value);

	/* Writes the shortest head and returns its length; n of texts, bytes, arrays and maps has 32 bits. */
	size_t		(*head) (char *at, FoxHead what, uint64_t n);
	const char *malformed;		/* what to say of malformed input */
	unsigned char nil;
	unsigned char no;
	unsigned char yes;
	unsigned char float64;		/* in front of the eight bytes of a double */
	unsigned char long_array;	/* in front of a count of four bytes */
	unsigned char long_map;
} FoxBinary;

/*
 * Appends the one JSON value that json is, which must not be inside of out.  False when it is
 * malformed, longer than 4 GB, or memory is out; then out->len is as before.
 */
extern bool fox_binary_from_json(const FoxBinary *format, FoxSlice json, FoxBuf *out);

/* n big-endian bytes as a number, and the other way round. */
static inline uint64_t
fox_get_be(const char *p, size_t n)
{
	uint64_t	v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | (unsigned char) p[i];
	return v;
}

static inline void
fox_put_be(char *p, uint64_t v, size_t n)
{
	for (size_t i = n; i > 0; i--, v >>= 8)
		p[i - 1] = (char) v;
}

/* A double as an integer from 0 to 2^53. */
static inline bool
fox_double_uint(double v, uint64_t *out)
{
	if (!(v >= 0 && v <= 9007199254740992.0) || v != (double) (uint64_t) v)
		return false;
	*out = (uint64_t) v;
	return true;
}

#endif
