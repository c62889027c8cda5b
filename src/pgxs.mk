# pgxs.mk - what PGXS builds, installs and cleans; included by the Makefile above,
# with the project's directory as the current one.
#
# Only src/pg sees PostgreSQL's headers.  All other folders are compiled with
# plain CC and no path to them, so that the layer law is the compiler's.

EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" fox_wamp.control)

EXTENSION = fox_wamp
MODULE_big = fox_wamp
PGFILEDESC = "fox_wamp - WAMP router"
DATA = $(wildcard sql/fox_wamp--*--*.sql)
DATA_built = sql/fox_wamp--$(EXTVERSION).sql

PLAIN_OBJS := $(patsubst %.c,%.o,$(sort $(foreach folder,base codec core gate net,$(wildcard src/$(folder)/*.c))))
PG_OBJS := $(patsubst %.c,%.o,$(sort $(wildcard src/pg/*.c)))
OBJS = $(PLAIN_OBJS) $(PG_OBJS)

REGRESS = $(patsubst sql/%.sql,%,$(filter-out sql/fox_wamp--%.sql,$(sort $(wildcard sql/*.sql))))
REGRESS_OPTS = --inputdir=. --load-extension=fox_wamp

# -isystem: the server's headers are not ours to warn about.
PG_CPPFLAGS = -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server) -MMD -MP
PG_CFLAGS = -std=gnu11 -Wextra -Werror -Wno-declaration-after-statement -Wno-unused-parameter \
	-Wno-sign-compare -Wno-missing-field-initializers
SHLIB_LINK = -lwebsockets -luv -lssl -lcrypto -largon2 -lcrypt -lz -lcurl -lnghttp2
EXTRA_CLEAN = $(OBJS:.o=.d) sql/fox_wamp--$(EXTVERSION).sql results regression.out regression.diffs output_iso

PLAIN_CFLAGS = -std=gnu11 -Wall -Wextra -Werror -O2 -g -fPIC -fvisibility=hidden \
	-fno-strict-aliasing -fno-omit-frame-pointer -fstack-protector-strong

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(PLAIN_OBJS): %.o: %.c
	$(CC) $(PLAIN_CFLAGS) $(COPT) -Isrc -MMD -MP -c -o $@ $<

# One script, of parts that each have a subject, in the order of their numbers.
sql/fox_wamp--$(EXTVERSION).sql: $(sort $(wildcard sql/fox_wamp/*.sql)) fox_wamp.control
	cat $(filter %.sql,$^) >$@

# Objects of another compiler flag or server version are not worth keeping.
$(OBJS): src/pgxs.mk

-include $(OBJS:.o=.d)
