/*
 * sight_exec.h - which roles may see which rows, as an executor finds out.
 */
#ifndef FOX_PG_SIGHT_EXEC_H
#define FOX_PG_SIGHT_EXEC_H

#include "postgres.h"
#include "lib/stringinfo.h"

#include "base/slice.h"

/* Answers a question of core/sight.c, in transactions of its own; memory: of all that it takes. */
extern void fox_sight_look(FoxSlice question, MemoryContext memory, StringInfo answer);

#endif
