/*
 * lane_load.c - see lane_load.h.
 */
#include "postgres.h"

#include <stdlib.h>

#include "pg/lane_load.h"

void
fox_load_rows(const FoxLaneHandler *handler, FoxWire *w)
{
	while (fox_wire_more(w))
	{
		FoxChange	row;

		fox_wire_row(w, &row);
		if (!w->bad && handler != NULL)
			handler->load_row(handler->ctx, &row);
	}
}

void
fox_load_mqtt(const FoxLaneHandler *handler, FoxWire *w)
{
	while (fox_wire_more(w))
	{
		FoxMqttRow	row;

		fox_wire_mqtt(w, &row);
		if (!w->bad && handler != NULL)
			handler->load_mqtt(handler->ctx, &row);
	}
}

void
fox_load_setting(const FoxLaneHandler *handler, FoxWire *w)
{
	FoxSlice	name_slice = fox_wire_slice(w);
	FoxSlice	value_slice = fox_wire_slice(w);
	char	   *name = fox_absent(name_slice) ? NULL : fox_strdup(name_slice);
	char	   *value = fox_absent(value_slice) ? NULL : fox_strdup(value_slice);

	if (name != NULL && value != NULL && handler != NULL)
		handler->settings(handler->ctx, name, value);
	free(name);
	free(value);
}
