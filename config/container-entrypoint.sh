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
    # The state is scissorsd's own, and so is a models folder that the engine has just made. All else belongs to others.
    if [ -d /state ] && [ "$(stat -c %u:%g /state)" != "$uid:$gid" ]; then
        chown -R "$uid:$gid" /state 2>/dev/null || true
    fi
    if [ -d /models ] && [ "$(stat -c %u /models)" = 0 ] && [ -z "$(ls -A /models)" ]; then
        chown "$uid:$gid" /models 2>/dev/null || true
    fi
    exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs -- "$0" "$@"
fi

if [ "${1:-}" = run ]; then
    for dir in /outbox /state; do
        if [ -d "$dir" ] && ! [ -w "$dir" ]; then
            echo "scissorsd: $dir belongs to $(stat -c %u:%g "$dir"), and is not writable for $(id -u):$(id -g), who runs here." \
                "Set PUID and PGID (or --user) to its owner." >&2
        fi
    done
fi
exec scissorsd "$@"
