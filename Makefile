# fox_wamp - a WAMP router inside PostgreSQL
#
#   make                build the library and the extension's script
#   make install        into the PostgreSQL of PG_CONFIG
#   make installcheck   pg_regress against the PostgreSQL at PGHOST and PGPORT
#   make check          every test there is, in private clusters; no installation needed
#   make check-memory   those with a server once more, under memory checkers
#   make demo           a private cluster in ./.demo with things to try; make demo-clean removes it
#   make bench          throughput per CPU-second of the router
#
# What goes to PGXS stands in src/pgxs.mk and is a make of its own: PGXS has a
# check target that only says that it is not supported, and it cannot be read
# before the preflight has found the server's headers.

ifdef WITH_PGXS
include src/pgxs.mk
else

PG_CONFIG ?= pg_config
# No bitcode: there is nothing in the library for the JIT to inline into a query.
PGXS_MAKE = $(MAKE) --no-print-directory WITH_PGXS=1 PG_CONFIG=$(PG_CONFIG) with_llvm=no

all: preflight
	@test/layers --quiet
	+@$(PGXS_MAKE) all

install: all
	+@$(PGXS_MAKE) install

installcheck uninstall clean distclean maintainer-clean:
	+@$(PGXS_MAKE) $@

preflight:
	@CC=$(CC) PG_CONFIG=$(PG_CONFIG) test/preflight build

check:
	@PG_CONFIG=$(PG_CONFIG) test/run-check $(SUITES)

check-memory:
	@PG_CONFIG=$(PG_CONFIG) test/run-check sanitizers valgrind

demo:
	@PG_CONFIG=$(PG_CONFIG) test/demo/run

demo-clean:
	@PG_CONFIG=$(PG_CONFIG) test/cluster remove .demo

bench:
	@PG_CONFIG=$(PG_CONFIG) test/bench/run $(SCENARIOS)

.PHONY: all install installcheck uninstall clean distclean maintainer-clean preflight check check-memory demo demo-clean bench

endif
