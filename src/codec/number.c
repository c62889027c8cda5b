/*
 * number.c - JSON numbers as exact decimals (see number.h).
 *
 * A number is read as sign, significant digits and the power of ten of the first
 * one; the digits stay in the text, with the point stepped over.
 */
#include "codec/number.h"

#include "base/pure.h"

#define EXPONENT_CAP ((int64_t) 100000000000000000)	/* 10^17: longer exponents lose their last digits */

typedef struct Decimal
{
	int			sign;			/* -1, 0, 1 */
	int64_t		power;			/* of the first significant digit */
	const char *digits;			/* from the first significant one */
	const char *end;			/* behind the mantissa */
} Decimal;

static Decimal
read_decimal(FoxSlice s)
{
	Decimal		d = {.sign = 1};
	const char *p = s.ptr;
	const char *end = p + s.len;
	const char *mantissa_end = p;
	int64_t		exponent = 0;
	int64_t		before_point = 0;	/* digits between the first significant one and the point */
	int64_t		zeros_after = 0;	/* zeros between the point and it */
	bool		point = false;

	if (p < end && *p == '-')
	{
		d.sign = -1;
		p++;
	}
	for (; p < end && *p != 'e' && *p != 'E'; p++)
	{
		if (*p == '.')
			point = true;
		else if (d.digits == NULL && *p == '0')
			zeros_after += point;
		else
		{
			if (d.digits == NULL)
				d.digits = p;
			before_point += !point;
		}
	}
	mantissa_end = p;
	if (p < end)
	{
		bool		negative = *++p == '-';

		if (*p == '-' || *p == '+')
			p++;
		for (; p < end; p++)
			if (exponent < EXPONENT_CAP)
				exponent = exponent * 10 + (*p - '0');
		if (negative)
			exponent = -exponent;
	}
	d.end = mantissa_end;
	if (d.digits == NULL)
		d.sign = 0;
	d.power = exponent + (before_point > 0 ? before_point - 1 : -1 - zeros_after);
	return d;
}

/* The next digit, '0' for ever behind the end. */
static char
next_digit(const char **p, const char *end)
{
	if (*p < end && **p == '.')
		(*p)++;
	return *p < end ? *(*p)++ : '0';
}

int
fox_number_compare(FoxSlice a, FoxSlice b)
{
	Decimal		x = read_decimal(a);
	Decimal		y = read_decimal(b);

	if (x.sign != y.sign)
		return x.sign < y.sign ? -1 : 1;
	if (x.sign == 0)
		return 0;
	if (x.power != y.power)
		return (x.power < y.power ? -1 : 1) * x.sign;
	while (x.digits < x.end || y.digits < y.end)
	{
		char		p = next_digit(&x.digits, x.end);
		char		q = next_digit(&y.digits, y.end);

		if (p != q)
			return (p < q ? -1 : 1) * x.sign;
	}
	return 0;
}
