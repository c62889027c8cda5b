/*
 * mailbox.c - messages to callbacks of who polls for them (see mailbox.h).
 *
 * Numbers grow by one from 1 on, and are never used twice.  Those that have gone unfetched are
 * {"seq":n,"overflow":how many}, n being the last of them, until that number is acknowledged.
 */
#include "codec/json_out.h"
#include "core/mailbox.h"

#include <stdlib.h>
#include <time.h>

#include "core/meta.h"

#include "base/pure.h"

#define MESSAGES_MAX 1000
#define BYTES_MAX ((size_t) 1024 * 1024)

typedef struct Mail
{
	FoxNode		node;
	uint64_t	seq;
	FoxSlice	json;
	char		block[];
} Mail;

struct FoxMailbox
{
	FoxNode		mails;
	uint32_t	count;
	size_t		bytes;
	uint64_t	last;
	uint64_t	lost;			/* since the mark was acknowledged */
	uint64_t	lost_up_to;
};

static struct FoxMailbox *
mailbox_of(FoxSession *s)
{
	if (s->mailbox == NULL && (s->mailbox = calloc(1, sizeof(*s->mailbox))) != NULL)
		fox_list_init(&s->mailbox->mails);
	return s->mailbox;
}

static void
mail_free(struct FoxMailbox *box, Mail *mail)
{
	fox_list_del(&mail->node);
	box->count--;
	box->bytes -= mail->json.len;
	free(mail);
}

static void
make_room(struct FoxMailbox *box, size_t bytes)
{
	while (box->count >= MESSAGES_MAX || box->bytes + bytes > BYTES_MAX)
	{
		Mail	   *oldest = fox_container(Mail, node, box->mails.next);

		box->lost++;
		box->lost_up_to = oldest->seq;
		mail_free(box, oldest);
	}
}

static void
put_json(FoxBuf *out, uint64_t seq, const FoxCallbackNote *note, const FoxPayload *payload)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	fox_buf_char(out, '{');
	fox_json_put_number(out, "seq", seq);
	fox_json_put_number(out, "callback", note->id);
	fox_json_put_number(out, "request", note->request);
	fox_json_put_member(out, "interface", note->interface);
	fox_json_put_member(out, "method", note->method);
	fox_json_put_name(out, "args");
	fox_buf_slice(out, fox_absent(payload->args) ? FOX_LIT("[]") : payload->args);
	fox_json_put_name(out, "kwargs");
	fox_buf_slice(out, fox_absent(payload->kwargs) ? FOX_LIT("{}") : payload->kwargs);
	fox_meta_put_moment(out, "at", (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000, 3);
	fox_buf_char(out, '}');
}

bool
fox_mailbox_put(FoxSession *s, const FoxCallbackNote *note, const FoxPayload *payload)
{
	struct FoxMailbox *box = mailbox_of(s);
	FoxBuf		json = {0};
	Mail	   *mail = NULL;
	char	   *at;

	if (box == NULL)
		return false;
	put_json(&json, box->last + 1, note, payload);
	if (!json.failed && json.len <= BYTES_MAX && (mail = malloc(sizeof(*mail) + json.len)) != NULL)
	{
		make_room(box, json.len);
		at = mail->block;
		mail->seq = ++box->last;
		mail->json = fox_slice_keep(&at, fox_buf_view(&json));
		fox_list_init(&mail->node);
		fox_list_push(&box->mails, &mail->node);
		box->count++;
		box->bytes += mail->json.len;
	}
	fox_buf_free(&json);
	if (mail != NULL && s->ops->mail != NULL)
		s->ops->mail(s);
	return mail != NULL;
}

void
fox_mailbox_forget(FoxSession *s, uint64_t up_to)
{
	struct FoxMailbox *box = s->mailbox;

	if (box == NULL)
		return;
	if (box->lost_up_to <= up_to)
		box->lost = 0;
	while (!fox_list_empty(&box->mails) && fox_container(Mail, node, box->mails.next)->seq <= up_to)
		mail_free(box, fox_container(Mail, node, box->mails.next));
}

uint32_t
fox_mailbox_list(const FoxSession *s, uint64_t after, uint32_t max, FoxBuf *out)
{
	const struct FoxMailbox *box = s->mailbox;
	uint32_t	n = 0;

	if (box == NULL)
		return 0;
	if (box->lost > 0 && max > 0)
	{
		fox_buf_str(out, "{\"seq\":");
		fox_buf_u64(out, box->lost_up_to);
		fox_buf_str(out, ",\"overflow\":");
		fox_buf_u64(out, box->lost);
		fox_buf_char(out, '}');
		n++;
	}
	fox_list_each(m, &box->mails)
	{
		const Mail *mail = fox_container(Mail, node, m);

		if (mail->seq <= after)
			continue;
		if (n == max)
			break;
		if (n++ > 0)
			fox_buf_char(out, ',');
		fox_buf_slice(out, mail->json);
	}
	return n;
}

void
fox_mailbox_free(FoxSession *s)
{
	struct FoxMailbox *box = s->mailbox;

	if (box == NULL)
		return;
	while (!fox_list_empty(&box->mails))
		mail_free(box, fox_container(Mail, node, box->mails.next));
	free(box);
	s->mailbox = NULL;
}
