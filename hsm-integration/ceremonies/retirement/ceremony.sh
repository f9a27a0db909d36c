#!/bin/sh
# The old home key is revoked as retired, and destroyed.
# Usage, and what it does: ../lib.sh. Before: ../GUIDE.md.
set -eu
signer=home-2029
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
