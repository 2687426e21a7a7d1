#!/bin/sh
# Tells sekishod of Kea's leases: the program for Kea's run_script hook (docs/lines.md). Kea starts it at each
# event and does not wait for it. What it says is written down first, so that nothing is lost while the
# daemon is away: the next event brings it. The hook passes on nothing of Kea's own environment; where these
# are to be others, name a script of your own to Kea that sets them and calls this one.
SOCKET=${SEKISHO_SOCKET:-/run/sekisho/gate.sock}
SPOOL=${SEKISHO_SPOOL:-/var/lib/kea/sekisho}
set -u
umask 077
at=$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)

case $1 in
leases4_committed | lease4_release | lease4_expire | lease4_decline) ;;
leases6_committed | lease6_release | lease6_expire | lease6_decline) ;;
*) exit 0 ;; # lease4_renew and the like: leases4_committed follows, or nobody holds the address
esac

say() { logger -t sekisho-kea -- "$*"; }

# One event as JSON, with what names a line and the lease, and nothing else of the client.
event=$(awk -v event="$1" -v at="$at" '
    BEGIN {
        lease = "^(DELETED_)?LEASES?[46]_(AT[0-9]+_)?(ADDRESS|CLIENT_ID|DUID|HWADDR|IAID|PREFIX_LEN|SIZE|STATE)$"
        printf "{\"event\":\"%s\",\"at\":\"%s\",\"variables\":{", event, at
        for (key in ENVIRON)
            if (key ~ lease || key ~ /^QUERY4_OPTION_82_SUB_OPTION_[12]$/) {
                value = ENVIRON[key]
                gsub(/[^ -~]/, "", value)
                gsub(/["\\]/, "\\\\&", value)
                printf "%s\"%s\":\"%s\"", comma, key, value
                comma = ","
            }
        print "}}"
    }')

mkdir -p "$SPOOL" && cd "$SPOOL" || exit 1

# Events that come meanwhile go on to be appended to a file that nobody reads.
exec 9>append.lock
flock 9
printf '%s\n' "$event" >>events
flock -u 9

# The parts to send, in order: those left over, else what has gathered.
parts() {
    if [ ! -e taken ] && ! ls part.* >/dev/null 2>&1; then
        flock 9
        mv events taken 2>/dev/null
        flock -u 9
    fi
    if [ -e taken ]; then
        split --lines=500 --numeric-suffixes --suffix-length=6 taken part. && rm taken
    fi
    ls part.* 2>/dev/null
}

# One request; the status of the answer, 000 where there is none.
post() {
    sed '1s/^/[/; $!s/$/,/; $s/$/]/' "$1" |
        curl --silent --max-time 20 --unix-socket "$SOCKET" --header 'Content-Type: application/json' \
            --data-binary @- --output /dev/null --write-out '%{http_code}' http://localhost/v1/leases/events
}

# Keep what the daemon refuses for good, and say so: all that came after it would wait for ever.
set_aside() {
    mv "$1" "refused.$(date +%s).$1"
    say "the daemon cannot read some events ($status): they are kept in $SPOOL"
}

# Whoever has the lock sends what all have written; those behind find nothing left.
exec 8>send.lock
flock --timeout 60 8 || exit 0
while waiting=$(parts) && [ -n "$waiting" ]; do
    for part in $waiting; do
        status=$(post "$part")
        case $status in
        2??) rm "$part" ;;
        400 | 422) set_aside "$part" ;;
        413) # too large at a time: its halves take its place, before all that is later
            events=$(grep -c '' "$part")
            if [ "$events" -le 1 ]; then
                set_aside "$part"
            else
                split --lines=$(((events + 1) / 2)) --numeric-suffixes --suffix-length=1 "$part" "$part." || exit 1
                rm "$part"
                break
            fi
            ;;
        *) exit 1 ;; # away, or without its store: the next event tries again
        esac
    done
done
