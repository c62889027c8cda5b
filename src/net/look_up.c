/*
 * look_up.c - addresses of names, while the loop goes on (see look_up.h).
 *
 * A look-up belongs to the loop and to its thread: who is the last to have done with it frees it.
 */
#include "net/look_up.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define STACK_SIZE (1024 * 1024)

struct FoxLookUp
{
	FoxNode		node;			/* of the loop's */
	FoxLookUps *ups;
	void		(*done) (void *data, int code, struct addrinfo *found);
	void	   *data;
	char		host[256];		/* of the thread's, like the next one */
	char		port[8];
	pthread_mutex_t lock;		/* of what follows */
	bool		canceled;
	bool		answered;
	int			code;
	struct addrinfo *found;
};

static void
look_up_free(FoxLookUp *l)
{
	if (l->found != NULL)
		freeaddrinfo(l->found);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static void *
ask(void *arg)
{
	FoxLookUp  *l = arg;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
	struct addrinfo *found = NULL;
	int			code = getaddrinfo(l->host, l->port, &hints, &found);
	bool		canceled;

	pthread_mutex_lock(&l->lock);
	l->answered = true;
	l->code = code;
	l->found = code == 0 ? found : NULL;
	canceled = l->canceled;
	if (!canceled)
		uv_async_send(&l->ups->wake);	/* which is open as long as there is a look-up that is not canceled */
	pthread_mutex_unlock(&l->lock);
	if (canceled)
		look_up_free(l);
	return NULL;
}

/* False: no thread. */
static bool
begin(FoxLookUp *l)
{
	pthread_attr_t attributes;
	pthread_t	thread;
	sigset_t	all;
	sigset_t	before;
	bool		begun;

	if (pthread_attr_init(&attributes) != 0)
		return false;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	begun = pthread_create(&thread, &attributes, ask, l) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return begun;
}

FoxLookUp *
fox_look_up(FoxLookUps *ups, const char *host, const char *port, void (*done) (void *data, int code, struct addrinfo *found),
			void *data)
{
	FoxLookUp  *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->ups = ups;
	l->done = done;
	l->data = data;
	snprintf(l->host, sizeof(l->host), "%s", host);
	snprintf(l->port, sizeof(l->port), "%s", port);
	pthread_mutex_init(&l->lock, NULL);
	if (!begin(l))
	{
		look_up_free(l);
		return NULL;
	}
	fox_list_push(&ups->all, &l->node);
	return l;
}

void
fox_look_up_cancel(FoxLookUp *l)
{
	bool		answered;

	fox_list_del(&l->node);
	pthread_mutex_lock(&l->lock);
	l->canceled = true;
	answered = l->answered;
	pthread_mutex_unlock(&l->lock);
	if (answered)
		look_up_free(l);
}

static bool
is_answered(FoxLookUp *l)
{
	bool		answered;

	pthread_mutex_lock(&l->lock);
	answered = l->answered;
	pthread_mutex_unlock(&l->lock);
	return answered;
}

/* One at a time, from the beginning: what is called may cancel others. */
static void
woken(uv_async_t *wake)
{
	FoxLookUps *ups = fox_container(FoxLookUps, wake, wake);
	FoxNode    *n = ups->all.next;

	while (n != &ups->all)
	{
		FoxLookUp  *l = fox_container(FoxLookUp, node, n);
		struct addrinfo *found;

		n = n->next;
		if (!is_answered(l))
			continue;
		fox_list_del(&l->node);
		found = l->found;
		l->found = NULL;
		l->done(l->data, l->code, found);
		look_up_free(l);
		n = ups->all.next;
	}
}

void
fox_look_ups_init(FoxLookUps *ups, uv_loop_t *loop)
{
	fox_list_init(&ups->all);
	uv_async_init(loop, &ups->wake, woken);
	uv_unref((uv_handle_t *) &ups->wake);
}

void
fox_look_ups_end(FoxLookUps *ups)
{
	while (!fox_list_empty(&ups->all))
		fox_look_up_cancel(fox_container(FoxLookUp, node, ups->all.next));
	uv_close((uv_handle_t *) &ups->wake, NULL);
}
