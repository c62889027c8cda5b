/*
 * number.h - JSON numbers as exact decimals.
 */
#ifndef FOX_CODEC_NUMBER_H
#define FOX_CODEC_NUMBER_H

#include "base/slice.h"

/*
 * Compares two valid JSON numbers exactly: <0, 0, >0.  1, 1.0 and 1e0 are equal, and no
 * digit is lost, unless an exponent is beyond 10^17; it takes time by the length of the texts.
 */
extern int	fox_number_compare(FoxSlice a, FoxSlice b);

#endif
