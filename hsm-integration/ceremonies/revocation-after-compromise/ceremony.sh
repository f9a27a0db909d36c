#!/bin/sh
# The home key is revoked because it is not ours alone any more; a new one takes its place.
# Usage, and what it does: ../lib.sh. Before: ../GUIDE.md.
set -eu
signer=home-2027
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
