/*
 * topic_access.c - row-level security as an authorizer: policies of fox_wamp.topic_access decide.
 *
 * The table is always empty.  Who wants to subscribe must see a row of that topic, who wants
 * to publish must be allowed to insert one, as its role; whatever becomes of that, it is
 * rolled back.  So a policy for SELECT is one for subscribing and a policy for INSERT one
 * for publishing, with all that PostgreSQL offers for them.
 *
 * The row of a pattern has it in a column of its own and no topic: a condition on the topic
 * does not hold for it, so that only policies that speak of patterns allow any.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "pg/column.h"
#include "pg/errcodes.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_topic_policies);
PG_FUNCTION_INFO_V1(fox_wamp_topic_access_before);

#define PUT "INSERT INTO fox_wamp.topic_access (realm, topic, pattern, match) VALUES ($1, $2, $3, $4)"

static bool asking = false;

/* Rows that anybody else has put there would be seen when the router asks. */
Datum
fox_wamp_topic_access_before(PG_FUNCTION_ARGS)
{
	TriggerData *data = fox_trigger_data(fcinfo, 0);

	if (!asking)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("only the router asks the policies of fox_wamp.topic_access")));
	return PointerGetDatum(data->tg_trigtuple);
}

static bool
may_see(Oid role, const char *const *values)
{
	static void *put = NULL;
	static void *see = NULL;
	Oid			user;
	int			context;

	fox_spi(&put, PUT, 4, values);
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE);
	return fox_spi(&see, "SELECT FROM fox_wamp.topic_access LIMIT 1", 0, NULL) > 0;
}

static bool
may_insert(Oid role, const char *const *values)
{
	static void *put = NULL;
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE);
	return fox_spi(&put, PUT, 4, values) > 0;
}

/* In a subtransaction that is rolled back, and the user id with it. */
static bool
ask(bool publish, Oid role, const char *const *values)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool may = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		asking = true;
		SPI_connect();
		may = publish ? may_insert(role, values) : may_see(role, values);
		SPI_finish();
		asking = false;
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *e;

		asking = false;
		MemoryContextSwitchTo(context);
		e = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (e->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE)
			ReThrowError(e);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return may;
}

static char *
text_member(Jsonb *object, const char *name)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(&object->root, name, strlen(name), &value) == NULL || value.type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("the session has no \"%s\"", name)));
	return pnstrdup(value.val.string.val, value.val.string.len);
}

/* An authorizer: (session, uri, action, options, match).  Of procedures the policies say nothing. */
Datum
fox_wamp_topic_policies(PG_FUNCTION_ARGS)
{
	Jsonb	   *session = PG_GETARG_JSONB_P(0);
	char	   *uri = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *action = text_to_cstring(PG_GETARG_TEXT_PP(2));
	char	   *match = text_to_cstring(PG_GETARG_TEXT_PP(4));
	bool		publish = strcmp(action, "publish") == 0;
	bool		exact = strcmp(match, "exact") == 0;
	const char *values[4] = {text_member(session, "realm"), exact ? uri : NULL, exact ? NULL : uri, match};
	bool		may = true;

	if (publish || strcmp(action, "subscribe") == 0)
		may = ask(publish, get_role_oid(text_member(session, "role"), false), values);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(may ? "{\"allow\":true,\"cache\":true}" : "{\"allow\":false,\"cache\":true}"));
}
