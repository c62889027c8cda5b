/*
 * lane.h - executors as the router sees them.
 *
 * A lane is one executor process and its two shm_mq queues.  The system lane writes
 * retained values in group commits; the slow lane takes topics that somebody else
 * has locked.  Requests are pipelined; nothing here blocks the router.
 */
#ifndef FOX_PG_LANE_H
#define FOX_PG_LANE_H

#include "postgres.h"

#include "core/ports.h"

typedef struct FoxLaneHandler
{
	void	   *ctx;
	void		(*refused) (void *ctx, uint64_t token, FoxRefusal why, const char *text);
	/* Rows read at start-up and after a gap; then loaded(). */
	void		(*load_row) (void *ctx, const FoxChange *row);	/* silent; every kind that is a row */
	void		(*load_mqtt) (void *ctx, const FoxMqttRow *row);	/* only at the start */
	void		(*loaded) (void *ctx);
	void		(*settled) (void *ctx);
	void		(*roles_read) (void *ctx);	/* those that were asked for have come by load_row() */
	void		(*past_written) (void *ctx, uint64 rows);	/* of those given to fox_behind_past() so many are done with */
	void		(*deliveries_written) (void *ctx, uint64 deliveries);	/* of those given to fox_behind_deliver() so many are in the queue */
	void		(*login_answer) (void *ctx, uint64_t token, FoxSlice answer);
	/* A channel that the router must LISTEN on (bridge rows of direction in), sent with each load. */
	void		(*settings) (void *ctx, const char *name, const char *value);	/* pg_db_role_setting of fox_wamp.* */
} FoxLaneHandler;

/* Starts the system executor (a dynamic background worker); false: no free worker slot (retried by fox_lane_turn). */
extern bool fox_lane_start(const FoxLaneHandler *handler, uint64 boot_id);
/* Queues a write; false when more than fox_wamp.write_queue are pending. Copies everything. */
extern bool fox_lane_write(const FoxWrite *w);
/* Start-up: apply wills of sessions that are no more, clear registration, then load realms, bridges, retained. */
extern void fox_lane_boot(void);
/* Load again. */
extern void fox_lane_reload(void);
/* Wait until the transactions have ended that may have written retained values so far; then settled(). */
extern void fox_lane_settle(void);
/* Read again which roles have which. */
extern void fox_lane_roles(void);
/* A question of auth.h; false: no memory. */
extern bool fox_lane_login(uint64_t token, FoxSlice question);
/* Drops it, unless it is under way. */
extern void fox_lane_login_gone(uint64_t token);
/* Moves requests and answers; call each turn of the loop. True: more work waits. */
extern bool fox_lane_turn(void);
extern void fox_lane_stop(void);	/* ends the executors, waits at most a second */
/* Numbers for stat_router: pending writes, batches, written rows, executors alive. */
extern void fox_lane_stats(uint64 *pending, uint64 *batches, uint64 *rows, int *executors);

#endif
