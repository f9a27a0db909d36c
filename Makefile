# make demo         two registries sealed at home, carried, opened and restored at the embassy, in minutes
# make demo PROFILE=pqc   the same with post-quantum keys, in tokens of kryoptic
# make test         everything that must hold before a change goes in
# make test-hsm     the token's tests on three modules: SoftHSM, kryoptic, and a TPM of software
# make tools        what the other targets need; run by them
# make bench-seal   how fast a registry is sealed on this machine
# make bench-link   how fast and how surely a pouch crosses a one-way link; LIDI=folder of lidi's binaries to compare
# make soak-link    pouches of chance over links of chance; TRANSFERS of them, 1000 by default, from SEED on
# make advisories   known vulnerabilities in dependencies; needs the RustSec database from the network
# make fuzz         hostile input without end; FUZZ_SECONDS for each target, 60 by default
# make man          manual pages and shell completions into target/man and target/completions

.DEFAULT_GOAL := help
.PHONY: help demo test test-hsm tools bench-seal bench-link soak-link advisories fuzz man

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

tools:
	@tests/scripts/tools.sh

demo: tools
	@tests/scripts/demo.sh

test: tools
	@tests/scripts/test.sh

test-hsm:
	@tests/scripts/tools.sh tpm
	@tests/scripts/hsm.sh

bench-seal: tools
	@tests/scripts/bench-seal.sh

bench-link: tools
	@tests/scripts/bench-link.sh

soak-link: tools
	@tests/scripts/soak-link.sh

advisories: tools
	@tests/scripts/advisories.sh

fuzz: tools
	@tests/scripts/fuzz.sh

man:
	@image/man.sh
