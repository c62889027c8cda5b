# fox_wamp - a WAMP router inside PostgreSQL
#
#   make                build the library and the extension's script
#   make install        into the PostgreSQL of PG_CONFIG
#   make installcheck   pg_regress against the PostgreSQL at PGHOST and PGPORT
#   make check          every test there is, in private clusters; no installation needed
#   make demo           a private cluster in ./.demo with things to try; make demo-clean removes it
#   make bench          throughput per CPU-second of the router
#
# What goes to PGXS stands in src/pgxs.mk and is a make of its own: PGXS has a
# check target that only says that it is not supported, and it needs a server's
# headers before it can say which of them are missing.

PG_CONFIG ?= pg_config
PGXS_MAKE = $(MAKE) --no-print-directory -f src/pgxs.mk PG_CONFIG=$(PG_CONFIG)

all: preflight
	@test/layers --quiet
	@$(PGXS_MAKE) all

install: all
	@$(PGXS_MAKE) install

installcheck uninstall clean distclean maintainer-clean:
	@$(PGXS_MAKE) $@

preflight:
	@CC=$(CC) PG_CONFIG=$(PG_CONFIG) test/preflight build

check:
	@PG_CONFIG=$(PG_CONFIG) test/run-check $(SUITES)

demo:
	@PG_CONFIG=$(PG_CONFIG) test/demo/run

demo-clean:
	@PG_CONFIG=$(PG_CONFIG) test/cluster remove .demo

bench:
	@PG_CONFIG=$(PG_CONFIG) test/bench/run $(SCENARIOS)

.PHONY: all install installcheck uninstall clean distclean maintainer-clean preflight check demo demo-clean bench
