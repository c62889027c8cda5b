/*
 * mqtt_row.c - see mqtt_row.h.
 */
#include "postgres.h"

#include "codec/mqtt_payload.h"
#include "pg/mqtt_row.h"

static FoxSlice
palloced(FoxSlice s)
{
	return fox_absent(s) ? s : fox_slice(pnstrdup(s.ptr, s.len), s.len);
}

bool
fox_mqtt_row_value(FoxSlice message, const char *format, FoxSlice *args, FoxSlice *kwargs)
{
	static FoxBuf json = {0};	/* kept: an error may leave us on the way */
	uint8_t		qos;
	FoxSlice	props;
	FoxSlice	bytes;

	fox_buf_reset(&json);
	if (format == NULL || strcmp(format, "mqtt") != 0 || !fox_mqtt_unpack(message, &qos, &props, &bytes))
		return false;
	if (!fox_mqtt_to_json(bytes, &json, args, kwargs))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	*args = palloced(*args);
	*kwargs = palloced(*kwargs);
	return true;
}
