#!/bin/sh
# Makes the keys that open pouches at the embassy, the second one in a backup token.
# Usage, and what it does: ../lib.sh. Before: ../GUIDE.md.
set -eu
signer=embassy
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
