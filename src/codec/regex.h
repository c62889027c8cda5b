/*
 * regex.h - POSIX extended regular expressions of strangers, in bounded time.
 */
#ifndef FOX_CODEC_REGEX_H
#define FOX_CODEC_REGEX_H

#include "codec/match.h"

/*
 * Is there a match of pattern somewhere in text (both UTF-8)?  FOX_MATCH_INVALID when
 * the pattern is malformed or could cost too much; an absent text only judges it.
 * A text with U+0000, or one of more than 4096 bytes, does not match.
 */
extern FoxMatch fox_regex_match(FoxSlice pattern, FoxSlice text);

#endif
