/*
 * verifier_sql.c - verifiers of passwords, for SQL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "common/saslprep.h"
#include "libpq/scram.h"
#include "utils/builtins.h"

#include "core/verifier.h"
#include "pg/guc.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_scram_verifier);
PG_FUNCTION_INFO_V1(fox_wamp_cra_verifier);

typedef bool (*Make) (FoxSlice password, FoxBuf *out);

static text *
made_by(Make make, const char *password)
{
	FoxBuf		out = {0};
	text	   *verifier;

	if (!make(fox_cstr(password), &out))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not make a verifier")));
	verifier = cstring_to_text_with_len(out.data, out.len);
	fox_buf_free(&out);
	return verifier;
}

Datum
fox_wamp_scram_verifier(PG_FUNCTION_ARGS)
{
	char	   *password = fox_arg_text(fcinfo, 0, "password");
	char	   *normal;

	if (fox_guc_password_kdf == FOX_KDF_PBKDF2)
		return CStringGetTextDatum(pg_be_scram_build_secret(password));
	if (pg_saslprep(password, &normal) != SASLPREP_SUCCESS)
		normal = password;		/* as pg_be_scram_build_secret() has it */
	PG_RETURN_TEXT_P(made_by(fox_argon2_make, normal));
}

Datum
fox_wamp_cra_verifier(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(made_by(fox_cra_make, fox_arg_text(fcinfo, 0, "password")));
}
