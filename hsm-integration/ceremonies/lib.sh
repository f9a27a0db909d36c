# shellcheck shell=sh
# The way of every ceremony, from the first check to the copies. The ceremony.sh of a folder sources it, and says before:
#
#   signer   the certificate of the plan that signs the record
#   drill    another plan, which people exercise first on throw-away tokens (only where there is one)
#
#   ./ceremony.sh [options] rehearse                  on throw-away tokens
#   ./ceremony.sh [options] run BINDING MEDIUM...     on the tokens of the binding; a copy of the record on each MEDIUM,
#                                                     which is the folder where a stick or disk is mounted
#   --tool-sha256 HEX   digest of pouch-ceremony on the paper of the review; asked for unless given
#   --records DIR       where everything is kept; ./records unless given
#   --allow-network     for trying out; is said aloud in the record
#   --private TTY       with rehearse: the private terminal, as on the day
#   --unattended        with rehearse: nobody types
#   --last-try          with run: use a token although one more wrong PIN locks it
#
# After an interruption run the same again: what is done is not done twice.
#
# The session is recorded with its timing (scriptreplay shows it again). No share and no PIN is in the recording: it takes what
# a screen shows, never what is typed; PINs are not shown; and custodians see and type their words at the private terminal
# of the binding, which is another one. Without that terminal nothing is recorded, and nothing is run. In a rehearsal without
# --private the words are on the record: they open throw-away tokens only.
set -eu
umask 077
export LC_ALL=C TZ=UTC

say() { printf '%s\n' "$*"; }
stop() { printf 'stopped: %s\n' "$*" >&2; exit 1; }
digest() { sha256sum "$1" | cut -c 1-64; }

needed="cat cp cut date find grep mkdir pouch-ceremony script sed sha256sum sort sync tr tty"
for command in $needed; do
    command -v "$command" >/dev/null || stop "the command $command is missing (needed: $needed)"
done
: "${signer:?is set by ceremony.sh}" "${drill:=}"

# --- what was typed; the recorded half of this script inherits it -----------------------------------------------------

if [ -z "${POUCH_SESSION-}" ]; then
    here=$(cd "$(dirname "$0")" && pwd) tool=$(command -v pouch-ceremony)
    paper='' records=$PWD/records network='' how='' mode='' binding='' last=''
    while [ $# -gt 0 ]; do
        case $1 in
        --tool-sha256) paper=${2:?} && shift ;;
        --records) mkdir -p "${2:?}" && records=$(cd "$2" && pwd) && shift ;;
        --allow-network) network=allowed ;;
        --unattended) how=--unattended ;;
        --last-try) last=--last-try ;;
        --private) how="--private-terminal ${2:?}" && shift ;;
        rehearse) mode=rehearse && shift && break ;;
        run) mode=run binding=${2:?which binding} && shift 2 && break ;;
        *) stop "\"$1\" is no option and no verb; see the top of lib.sh" ;;
        esac
        shift
    done
    [ -z "$last" ] || [ "$mode" = run ] || stop "--last-try is for run"
    case $mode/$#/$how in
    rehearse/0/*) ;;
    run/0/*) stop "name at least one MEDIUM for a copy of the record" ;;
    run/*/) ;;
    *) stop "type: ceremony.sh rehearse, or: ceremony.sh run BINDING MEDIUM..." ;;
    esac
    plan=$here/plan.toml plan_digest=$(digest "$here/plan.toml")
    place=$records/${here##*/}-$(printf %.16s "$plan_digest")
    export here tool paper network how mode binding last plan plan_digest place
fi
rehearsal=$place/rehearsal record=$place/record
ceremony=$record/ceremony

# --- before anything is touched ---------------------------------------------------------------------------------------

assert_tool() {
    tool_digest=$(digest "$tool")
    say "tool   $tool" "       sha256 $tool_digest" "plan   $plan" "       sha256 $plan_digest"
    if [ -z "$paper" ]; then
        printf '[administrator] Type the digest of the tool from the paper of the review; spaces do not matter: '
        read -r paper || stop "nobody answers"
    fi
    typed=$(printf %s "$paper" | tr -d ' ' | tr A-F a-f)
    [ "$typed" = "$tool_digest" ] || stop "the tool is not that of the paper, which says $typed"
    say "the tool is that of the paper"
}

# The people compare the clock aloud when pouch-ceremony asks for it; a clock that went back is seen here.
assert_clock() {
    : >"$place/clock"
    later=$(find "$tool" "$plan" "$rehearsal/transcript.jsonl" "$ceremony/transcript.jsonl" -newer "$place/clock" 2>/dev/null || :)
    [ -z "$later" ] || stop "the clock says $(date '+%F %H:%M') UTC, and this is of later: $later"
    say "clock  $(date '+%A, %d %B %Y, %H:%M UTC'); nothing here is of later"
}

assert_offline() {
    up=
    for flags in /sys/class/net/*/flags; do
        interface=${flags%/flags} interface=${interface##*/}
        if [ "$interface" = lo ] || [ ! -r "$flags" ]; then continue; fi
        # IFF_UP of netdevice(7).
        [ $(($(cat "$flags") & 1)) -eq 0 ] || up="$up $interface"
    done
    [ -z "$up" ] && say "network  no interface is up" && return
    [ -n "$network" ] || stop "network interfaces are up:$up; pull the cables, take them down"
    say "NETWORK ALLOWED: interfaces are up:$up; this is no ceremony that counts"
}

# The recording must not see a share.
assert_private() {
    private=$(sed -n 's/^private_terminal *= *"\(.*\)".*/\1/p' "$binding")
    [ -n "$private" ] || stop "$binding names no private_terminal, so shares would be recorded"
    [ -c "$private" ] || stop "$private is no terminal"
    case $private in /dev/tty | "$(tty)") stop "$private is the terminal that is recorded" ;; esac
}

# --- the recorded half ------------------------------------------------------------------------------------------------

rehearse() { # PLAN FOLDER
    [ -f "$2/transcript.jsonl.sig" ] && say "already rehearsed: $2" && return
    # None, one or two words.
    # shellcheck disable=SC2086
    pouch-ceremony rehearse "$1" --output "$2" $how
}

# Whether a rehearsal of this plan was held to its end, by this tool.
assert_rehearsed() { # PLAN FOLDER
    [ -f "$2/transcript.jsonl.sig" ] || stop "there is no finished rehearsal in $2; first: ceremony.sh rehearse"
    for said in '"mode":"rehearsal"' "\"plan_sha256\":\"$(digest "$1")\"" "\"tool_sha256\":\"$tool_digest\""; do
        sed -n 1p "$2/transcript.jsonl" | grep -qF "$said" || stop "the rehearsal in $2 does not say $said"
    done
    say "rehearsed: $2"
}

# Exit code 3: whole and signed, with findings, which the people read.
judge() { # VERB FOLDER [OPTIONS]
    status=0 verb=$1 folder=$2
    shift 2
    pouch-ceremony "$verb" "$folder" --certificate "$folder/$signer.pgp" "$@" || status=$?
    case $status in 0 | 3) ;; *) exit "$status" ;; esac
}

session() {
    say "recorded to $POUCH_SESSION.log"
    assert_tool
    assert_clock
    assert_offline
    pouch-ceremony check "$plan" ${binding:+--binding "$binding"}
    if [ "$mode" = rehearse ]; then
        [ -z "$drill" ] || rehearse "$here/$drill" "$place/drill"
        rehearse "$plan" "$rehearsal"
        judge verify-transcript "$rehearsal"
        return
    fi
    [ -z "$drill" ] || assert_rehearsed "$here/$drill" "$place/drill"
    assert_rehearsed "$plan" "$rehearsal"
    judge verify-transcript "$rehearsal"
    if [ -f "$ceremony/transcript.jsonl.sig" ]; then
        say "already held: $ceremony"
    else
        pouch-ceremony run "$plan" --binding "$binding" --output "$ceremony" ${last:+"$last"}
    fi
    judge verify-transcript "$ceremony"
    judge verify-transcript "$ceremony" --show >"$record/transcript.txt"
    [ -f "$record/report.html" ] || judge report "$ceremony" --output "$record/report.html"
    cp "$plan" "$record/plan.toml"
    cp "$binding" "$record/binding.toml"
}

# --- after it: copies -------------------------------------------------------------------------------------------------

copy() { # MEDIUM
    [ -d "$1" ] || stop "$1 is no folder; mount the medium there"
    copy=$1/${place##*/}
    mkdir -p "$copy"
    cp -R "$record/." "$copy/"
    sync
    (cd "$copy" && sha256sum --check --quiet --strict SHA256SUMS) || stop "the copy in $copy is not the same"
    say "copied to $copy, and compared"
}

if [ -n "${POUCH_SESSION-}" ]; then
    session
    exit
fi
[ "$mode" != run ] || assert_private
mkdir -p "$record"
number=1
while [ -e "$record/session-$number.log" ]; do number=$((number + 1)); done
POUCH_SESSION=$record/session-$number
export POUCH_SESSION
# shellcheck disable=SC2016
script --quiet --return --log-out "$POUCH_SESSION.log" --log-timing "$POUCH_SESSION.timing" --command 'exec sh "$here/ceremony.sh"'
[ "$mode" = run ] || exit 0
list=$(cd "$record" && find . -type f ! -name lock ! -name SHA256SUMS -exec sha256sum {} + | sort -k 2)
say "$list" >"$record/SHA256SUMS"
for medium; do copy "$medium"; done
say "digest of the list of all files, for the paper: $(digest "$record/SHA256SUMS")"
