#!/bin/sh
# Makes the key that signs every pouch which leaves home.
# Usage, and what it does: ../lib.sh. Before: ../GUIDE.md.
set -eu
signer=home
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
