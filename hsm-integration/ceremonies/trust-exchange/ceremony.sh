#!/bin/sh
# Home and embassy learn each other's certificates; the trust file is written.
# Usage, and what it does: ../lib.sh. Before: ../GUIDE.md.
set -eu
signer=embassy
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
