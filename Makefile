# make run [FRESH=1]     the kiosk and its simulated locker bank; FRESH=1 starts the demo over
# make run CLUSTER=1      the same kiosk, enrolled at the cluster that make cluster runs
# make test [PART=unit]  all tests, or those of one folder under tests/
# make test-nightly     the same tests with more of everything; takes hours
# make central           the central server, on loopback with its data in data/central
# make cluster [FRESH=1]  two servers on PostgreSQL with two standbys, here; kill some of it and watch
# make bench             the measurements, as a table and as build/bench.json
# make accessibility    EN 301 549 and Section 508 clause by clause, in build/accessibility
# make tour             a picture of every screen of every flow and a film, in build/tour
# make goldens          keep how the main screens look now; look at what changed
# make check             style and types only
# make bom               bills of materials of kiosk and server, in build/bom
# make release          releases of the kiosk for each Python and machine, and a .deb of the base
# make image [SUITE=trixie]  a disk for a mini-PC with all of it, in build/image; as root
# make release-sign     what make release made, signed by throw-away keys for make central's server
# make audit DUMP=F      the lock files against F, a dump of known vulnerabilities; no network
# make clean             what was built and cached; keeps .venv and the demo's data

.PHONY: help run central cluster test test-nightly bench accessibility tour goldens check bom release release-sign image audit clean

help:
	@sed -n 's/^# \(make\)/\1/p' Makefile

run:
	@.ci/install run
	@exec .venv/bin/python -m kiosk demo --window $(if $(FRESH),--fresh) \
		$(if $(CLUSTER),--data data/demo-cluster --cluster build/cluster)

central:
	@.ci/install run
	@exec .venv/bin/python -m central serve

cluster:
	@.ci/install cluster
	@exec .venv/bin/python -m central.cluster up $(if $(FRESH),--fresh)

test:
	@.ci/install test
	@.ci/test $(PART)

test-nightly:
	@TEST_BUDGET=nightly .ci/install test
	@TEST_BUDGET=nightly .ci/test $(PART)

bench:
	@.ci/install test
	@mkdir -p build
	@.venv/bin/python -m tests.bench

accessibility:
	@.ci/install test
	@.venv/bin/python -m tests.accessibility

tour:
	@.ci/install test
	@.venv/bin/python -m tests.tour
	@.venv/bin/python -m tests.tour.film build/tour/film.webp

goldens:
	@.ci/install test
	@.venv/bin/python -m tests.goldens

check:
	@.ci/install test
	@.ci/check

release-sign:
	@.venv/bin/python -m central.releases demo build/release-signed \
		$(wildcard build/release/*.squashfs build/release/*.bom.json) \
		--online "$$(.venv/bin/python -m central release key)"
	@.venv/bin/python -m central release add build/release-signed/public

bom:
	@.ci/install test
	@.ci/bom

release:
	@.ci/install test
	@.ci/release
	@.ci/base

image:
	@.ci/image $(SUITE)

audit:
	@.ci/install test
	@.venv/bin/python -m central advisories $(DUMP) requirements-kiosk.lock requirements-server.lock

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find central config drivers kiosk tests assets -name __pycache__ -type d -prune -exec rm -rf {} +
