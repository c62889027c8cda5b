/*
 * ppt.h - the attributes of a payload that the router is not to look into.
 *
 * WAMP advanced profile, "Payload Passthru Mode": four options of the sender's become
 * four details of what the receiver gets, unchanged.
 */
#ifndef FOX_CORE_PPT_H
#define FOX_CORE_PPT_H

#include "base/buf.h"

/* Raw JSON strings, borrowed; absent: not given.  The mode is in use if there is a scheme. */
typedef struct FoxPpt
{
	FoxSlice	scheme;
	FoxSlice	serializer;
	FoxSlice	cipher;
	FoxSlice	keyid;
} FoxPpt;

/* Reads the four from a message's options or details.  False: the mode is not in use, all are absent. */
extern bool fox_ppt_read(FoxSlice options, FoxPpt *ppt);
static inline bool
fox_ppt_used(const FoxPpt *ppt)
{
	return !fox_absent(ppt->scheme);
}
/* Appends them as members of the JSON object that b ends with, which is still open. */
extern void fox_ppt_write(const FoxPpt *ppt, FoxBuf *b);
/* Bytes that a copy takes, and the copy, at *at, which moves behind it. */
extern size_t fox_ppt_size(const FoxPpt *ppt);
extern FoxPpt fox_ppt_keep(char **at, const FoxPpt *ppt);

#endif
