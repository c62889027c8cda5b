/*
 * json_sql.h - JSON in the form that jsonb takes.
 *
 * jsonb refuses U+0000 and lone surrogates, which WAMP's JSON form of binary needs.
 */
#ifndef FOX_CODEC_JSON_SQL_H
#define FOX_CODEC_JSON_SQL_H

#include "codec/json.h"

/*
 * Looks for strings in a valid JSON text that jsonb refuses.  False: there are none
 * and nothing was appended.  True: the text was appended to out with each such
 * string replaced by {"$text":"<base64 of its UTF-8>"}, each such key by
 * "$text:<base64>"; look at out->failed.  A lone surrogate has no UTF-8 and takes
 * the three bytes that its number would have.
 */
extern bool fox_json_for_sql(FoxSlice in, FoxBuf *out);

#endif
