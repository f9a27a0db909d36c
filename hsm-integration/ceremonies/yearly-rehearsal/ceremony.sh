#!/bin/sh
# The yearly drill, and the proof that the embassy's keys still sign and open.
# Usage, and what it does: ../lib.sh. Before: ../GUIDE.md.
set -eu
signer=embassy
drill=../embassy-key/plan.toml
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
