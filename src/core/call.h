/*
 * call.h - a call, as the files that lead it through its life see it.
 *
 *   call.c      CALL, YIELD, ERROR, CANCEL and what else begins or ends one
 *   dispatch.c  from the caller to a callee: starting, the queue, the next callee
 *   stream.c    progressive call invocations: what the caller sends after the first CALL
 *   pick.c      which of a registration's callees
 */
#ifndef FOX_CORE_CALL_H
#define FOX_CORE_CALL_H

#include "core/core.h"

typedef enum FoxCallState
{
	FOX_CALL_NEW,				/* in nobody's hands */
	FOX_CALL_QUEUED,
	FOX_CALL_RUNNING,
	FOX_CALL_ORPHAN
} FoxCallState;

/* What one CALL message brings; kept with the call or on the stack. */
typedef struct FoxChunk
{
	FoxNode		node;			/* in call->chunks, if kept */
	bool		more;			/* another CALL of this call follows */
	FoxSlice	args;			/* in the call's encoding */
	FoxSlice	kwargs;
	char		block[];
} FoxChunk;

struct FoxCall
{
	FoxCallState state;
	FoxRouter  *router;
	FoxSession *caller;			/* NULL once it is an orphan */
	uint64_t	request;
	FoxEncoding encoding;
	FoxSession *callee;			/* while running or orphan */
	FoxCallee  *place;			/* whose limit it counts against; NULL after UNREGISTER */
	uint64_t	serial;			/* of that callee */
	FoxRegistration *registration;	/* while queued */
	uint64_t	registration_id;	/* that it runs under */
	bool		pattern;		/* which is a pattern */
	uint64_t	invocation;
	bool		receive_progress;
	bool		disclose_me;
	FoxDisclosure disclosure;
	bool		disclosed;		/* to the callee that has it: it or the caller has asked for that */
	bool		partition;		/* goes to the callee that `shard` stands for */
	bool		needs_stream;	/* goes to a callee that takes several INVOCATIONs for one call */
	bool		open;			/* the caller has more to send */
	bool		progressed;		/* the caller has a part of the result */
	bool		canceled;		/* with mode kill: the callee's answer is still due */
	bool		can_move;		/* its chunks are kept, for the case that the callee is unavailable */
	uint64_t	shard;
	FoxNode		node;			/* in registration->queue or place->calls */
	FoxTimer	timer;
	uint64_t	timeout_us;
	FoxSlice	procedure;		/* these three are borrowed until fox_call_keep_head() */
	FoxSlice	instance;		/* of a service, a JSON string; absent: none is named */
	FoxPpt		ppt;
	FoxCallbackNote note;		/* of the callback that is called, whose texts are borrowed likewise; id 0: none is */
	uint64_t	only;			/* the callee, by serial, that is called; 0: any */
	char	   *head;
	FoxNode		chunks;			/* kept ones */
	size_t		kept_bytes;		/* of all of them */
	size_t		later_bytes;	/* of all but the first */
	uint64_t   *tried;			/* callees, by serial, that have answered "unavailable" */
	uint32_t	tried_count;
};

/* Bytes of kept chunks: of one call after the first, which is bounded as a message; and of all calls. */
#define FOX_CALL_LATER_MAX ((size_t) 1024 * 1024)
#define FOX_CALLS_KEPT_MAX ((size_t) 256 * 1024 * 1024)

/* --- call.c --- */

extern void fox_call_answer_failed(FoxCall *call, const char *uri, const char *text);
/* Frees the call; the place that it held goes to the next. */
extern void fox_call_end(FoxCall *call);
/* Answers and ends a call; a callee that works on it is told to stop. */
extern void fox_call_fail(FoxCall *call, const char *uri, const char *text);
/* Sets the timer of a call that has a timeout, unless it runs.  False: no memory. */
extern bool fox_call_arm(FoxCall *call);

/* A call of a callback that is a registration, by s, with that note, procedure and arguments. */
extern void fox_call_callback(FoxSession *s, uint64_t request, const FoxCallback *cb, const FoxCallbackNote *note, uint64_t timeout_ms,
							  FoxSlice procedure, FoxSlice args, FoxSlice kwargs);

/* --- dispatch.c --- */

/* A callee or the queue takes the call.  NULL, or the error's URI; then *text says why. */
extern const char *fox_call_begin(FoxCall *call, FoxRegistration *reg, const FoxChunk *first, const char **text);
/* Takes the call out of the queue or from its callee, and returns the place it had there, or NULL. */
extern FoxCallee *fox_call_detach(FoxCall *call);
/* The callee is unavailable: to the next one, or the end of the call. */
extern void fox_call_move(FoxCall *call);
/* Sends one INVOCATION of a running call. */
extern void fox_call_send(FoxCall *call, const FoxChunk *chunk);
/* A copy at the tail of call->chunks.  False: there is too much of it or of others' chunks, or no memory. */
extern bool fox_call_keep(FoxCall *call, const FoxChunk *chunk);
extern void fox_call_forget(FoxCall *call);	/* frees the kept chunks; the call can not move any more */

/* --- stream.c --- */

extern void fox_call_continue(FoxCall *call, const FoxChunk *chunk);
/* The call is over although its caller may be sending more: that is thrown away when it comes. */
extern void fox_late_note(FoxSession *s, uint64_t request);
/* Does a CALL belong to such a call?  One that has no more to follow is the last of it. */
extern bool fox_late_take(FoxSession *s, uint64_t request, bool more);

/* --- pick.c --- */

/* Will some callees of the registration not do for the call, free or not? */
extern bool fox_call_is_choosy(const FoxCall *call);

#endif
