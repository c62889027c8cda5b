/*
 * function_ddl.h - rows that name functions, while they are given the new names of these.
 */
#ifndef FOX_PG_FUNCTION_DDL_H
#define FOX_PG_FUNCTION_DDL_H

#include "postgres.h"

/* True: a row is being updated because its function has another name; nothing else of it is news. */
extern bool fox_functions_renaming(void);

#endif
