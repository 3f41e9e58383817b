#!/usr/bin/env bash
# release/deb.sh: the Debian package of the last commit → dist/. On the Debian that it is for, since it takes that one's
# Python; by debhelper. TOOLS=… is a Python with config/release.txt (`make deb` gives it); DEB_VERSION=… another version.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for tool in dh dpkg-buildpackage; do
    command -v "$tool" >/dev/null || { echo "$tool is not here: apt install debhelper python3-venv" >&2; exit 1; }
done
version=$(git show HEAD:scissorsd/__init__.py | sed -n 's/^__version__ = "\(.*\)"$/\1/p')
if [ -z "${DEB_VERSION:-}" ]; then # what is not released comes before what will be
    DEB_VERSION=$version
    git tag --points-at HEAD | grep -qx "v$version" || DEB_VERSION+="~$(git log -1 --format=%cd.%h --date=format:%Y%m%d%H%M%S)"
fi
who=$(git log -1 --format='%cn <%ce>')
[ -z "${DEBEMAIL:-}" ] || who="${DEBFULLNAME:-$DEBEMAIL} <$DEBEMAIL>"

SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
dated=$(git log -1 --format=%cD)

work=$(mktemp -d "${TMPDIR:-/tmp}/scissorsd-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
source=$work/scissorsd-$version
mkdir "$source"
git archive HEAD | tar -x -C "$source"
cp -r "$source/release/debian" "$source/debian"
here=$PWD
cd "$source"
sed -i "s/@MAINTAINER@/$who/" debian/control
cp systemd/scissorsd.service debian/
cp systemd/scissorsd.sysusers.conf debian/scissorsd.sysusers
cp systemd/scissorsd.tmpfiles.conf debian/scissorsd.tmpfiles
cp LICENSE debian/copyright
{
    echo "scissorsd ($DEB_VERSION) unstable; urgency=medium"
    echo
    echo "  * See CHANGELOG.md."
    echo
    echo " -- $who  $dated"
} >debian/changelog
export TOOLS=${TOOLS:?}
dpkg-buildpackage --build=binary --no-sign --no-check-builddeps >build.log 2>&1 || { tail -40 build.log >&2; exit 1; }
cd "$here"
mkdir -p dist
mv "$work"/scissorsd_*.deb dist/
ls -l --block-size=kB dist/scissorsd_*.deb
