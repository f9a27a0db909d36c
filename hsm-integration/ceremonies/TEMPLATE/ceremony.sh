#!/bin/sh
# What this ceremony is for, in one line.
# Usage, and what it does: ../lib.sh. Before: ../GUIDE.md.
set -eu
signer=new
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
