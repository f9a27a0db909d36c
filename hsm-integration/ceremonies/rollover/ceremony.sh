#!/bin/sh
# A new home key takes the place of the old one; both are good for a while.
# Usage, and what it does: ../lib.sh. Before: ../GUIDE.md.
set -eu
signer=home-2029
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
