#!/bin/sh
# The container's first process: takes the user, group and umask that NAS owners set (PUID, PGID, UMASK),
# gives up root, and becomes scissorsd. Under `docker run --user` there is no root to give up.
# Without words of its own it is the daemon: on /config/scissorsd.yaml, or else on the variables SCISSORSD_….
set -eu

root=${SCISSORSD_ROOT:-} # for tests: a folder in place of /
config=$root/config/scissorsd.yaml
values="MODEL EDGES FLAT SOURCE SETTLE WATCH PROVIDERS PRECISION WORKERS PAGE PAGE_AUTH"
switches="MASK COMPARISON REQUIRE_GPU"

say() { echo "scissorsd: $*" >&2; }
refuse() { say "$@"; exit 78; }

option() { # REQUIRE_GPU → --require-gpu
    echo "--$1" | tr 'A-Z_' 'a-z-'
}

listening() { # yes → 0.0.0.0:8000: in a container loopback is nobody's
    case $1 in
        1 | true | yes | on) echo 0.0.0.0:8000 ;;
        0 | false | no | off) ;;
        *) echo "$1" ;;
    esac
}

case ${UMASK:-022} in
    *[!0-7]*) refuse "UMASK is an octal number such as 022 or 002, not '$UMASK'" ;;
esac
umask "${UMASK:-022}"

if [ "$(id -u)" = 0 ] && [ "${PUID:-1000}" != 0 ]; then
    uid=${PUID:-1000}
    gid=${PGID:-1000}
    case $uid$gid in
        *[!0-9]*) refuse "PUID and PGID are numbers (see: id), not '$uid' and '$gid'" ;;
    esac
    # The state is scissorsd's own, and so is a models folder that the engine has just made. All else belongs to others.
    if [ -d "$root/state" ] && [ "$(stat -c %u:%g "$root/state")" != "$uid:$gid" ]; then
        chown -R "$uid:$gid" "$root/state" 2>/dev/null || true
    fi
    if [ -d "$root/models" ] && [ "$(stat -c %u "$root/models")" = 0 ] && [ -z "$(ls -A "$root/models")" ]; then
        chown "$uid:$gid" "$root/models" 2>/dev/null || true
    fi
    become="setpriv --reuid $uid --regid $gid --clear-groups --no-new-privs"
    $become -- true 2>/dev/null ||
        refuse "may not become $uid:$gid. Start the container with --user $uid:$gid, or with --cap-add SETUID --cap-add SETGID."
    exec $become -- "$0" "$@"
fi

case " $* " in
    *" -c "* | *" --config"*) ;; # the file says where
    " page "*) export SCISSORSD_PAGE="$(listening "${SCISSORSD_PAGE:-yes}")" ;;
esac
[ $# = 0 ] || exec scissorsd "$@"

me=$(id -u):$(id -g)
for dir in "$root/outbox" "$root/state"; do
    if [ -d "$dir" ] && ! [ -w "$dir" ]; then
        say "$dir is not writable for $me, who runs here; it belongs to $(stat -c %u:%g "$dir")." \
            "Set PUID and PGID (or --user) to its owner, or give $me access; a volume must not be read-only (:ro)."
    fi
done
if [ -d "$root/inbox" ] && ! { [ -r "$root/inbox" ] && [ -x "$root/inbox" ]; }; then
    say "$root/inbox cannot be read by $me, who runs here; it belongs to $(stat -c %u:%g "$root/inbox")." \
        "Set PUID and PGID (or --user) to its owner, or give $me access."
fi

given=$(env | sed -n 's/^SCISSORSD_\([A-Z_]*\)=..*/\1/p')
if [ -e "$config" ]; then
    for name in $values $switches; do
        case " $(echo $given) " in
            *" $name "*) say "SCISSORSD_$name is not used, since $config is there; say it in that file" ;;
        esac
    done
    exec scissorsd run -c "$config"
fi

for name in $given; do
    case " $values $switches ROOT FAULTS SECONDS " in
        *" $name "*) ;;
        *) say "SCISSORSD_$name is not known and not used; there are: $(echo "$values $switches" | sed 's/[A-Z_]*/SCISSORSD_&/g')" ;;
    esac
done
set -- watch "$root/inbox" "$root/outbox"
for name in $values; do
    value=$(printenv "SCISSORSD_$name" || true)
    [ "$name" != PAGE ] || value=$(listening "$value")
    [ -z "$value" ] || set -- "$@" "$(option "$name")=$value"
done
for name in $switches; do
    value=$(printenv "SCISSORSD_$name" || true)
    case $value in
        1 | true | yes | on) set -- "$@" "$(option "$name")" ;;
        "" | 0 | false | no | off) ;;
        *) refuse "SCISSORSD_$name is yes or no, not '$value'" ;;
    esac
done
exec scissorsd "$@"
