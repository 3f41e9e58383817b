#!/bin/sh
# The container's first process: takes the user, group and umask that NAS owners set (PUID, PGID, UMASK),
# gives up root, and becomes scissorsd. Under `docker run --user` there is no root to give up.
set -eu

umask "${UMASK:-022}"

if [ "$(id -u)" = 0 ] && [ "${PUID:-1000}" != 0 ]; then
    uid=${PUID:-1000}
    gid=${PGID:-1000}
    case $uid$gid in
        *[!0-9]*) echo "scissorsd: PUID and PGID are numbers (see: id), not '$uid' and '$gid'" >&2; exit 78 ;;
    esac
    # What only scissorsd uses may be given away; inbox and outbox are the owner's own affair.
    for dir in /state /models; do
        if [ -d "$dir" ] && [ "$(stat -c %u "$dir")" = 0 ]; then chown "$uid:$gid" "$dir" 2>/dev/null || true; fi
    done
    exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs -- "$0" "$@"
fi

if [ "${1:-}" = run ]; then
    for dir in /inbox /outbox /state /models; do
        [ ! -d "$dir" ] || [ -w "$dir" ] ||
            echo "scissorsd: $dir is not writable for user $(id -u):$(id -g), who runs here; it belongs to $(stat -c %u:%g "$dir")" >&2
    done
fi
exec scissorsd "$@"
