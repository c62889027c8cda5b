/*
 * verifier_sql.c - verifiers of passwords, for SQL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/scram.h"
#include "utils/builtins.h"

#include "core/verifier.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_scram_verifier);
PG_FUNCTION_INFO_V1(fox_wamp_cra_verifier);

Datum
fox_wamp_scram_verifier(PG_FUNCTION_ARGS)
{
	return CStringGetTextDatum(pg_be_scram_build_secret(fox_arg_text(fcinfo, 0, "password")));
}

Datum
fox_wamp_cra_verifier(PG_FUNCTION_ARGS)
{
	char	   *password = fox_arg_text(fcinfo, 0, "password");
	FoxBuf		out = {0};
	text	   *verifier;

	if (!fox_cra_make(fox_cstr(password), &out))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not make a verifier")));
	verifier = cstring_to_text_with_len(out.data, out.len);
	fox_buf_free(&out);
	PG_RETURN_TEXT_P(verifier);
}
