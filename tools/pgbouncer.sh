#!/bin/sh
# A PgBouncer for the tests of deploy/pgbouncer.ini: the machine's, or unpacked into build/ from apt
# with the libraries it needs, without installing it: an installed one would start a server.
# Without one the tests say so loudly, and fail under CI=true; this alone never does.
cd "$(dirname "$0")/.." || exit 1
command -v pgbouncer >/dev/null && exit 0
[ -x build/pgbouncer/usr/sbin/pgbouncer ] && exit 0
if command -v apt-get >/dev/null && command -v apt-cache >/dev/null &&
    command -v dpkg-deb >/dev/null; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    echo 'Unpacking PgBouncer for the tests of its example …' >&2
    (
        chmod 755 "$folder" && cd "$folder" || exit 1
        needed() {
            apt-cache depends pgbouncer | sed -nE 's/^ *Depends: (libc-ares[^ ]*|libevent[^ ]*)$/\1/p'
        }
        # shellcheck disable=SC2046 # one word per package
        download() { apt-get download -qq pgbouncer $(needed) 2>/dev/null; }
        download || { [ "$(id -u)" -eq 0 ] && apt-get update -qq && download; }
    ) >/dev/null 2>&1
    for package in "$folder"/pgbouncer_*.deb; do
        [ -e "$package" ] || break
        unpacked=build/pgbouncer.unfinished
        rm -rf "$unpacked" && mkdir -p "$unpacked" || break
        for each in "$folder"/*.deb; do dpkg-deb -x "$each" "$unpacked" || break 2; done
        rm -rf build/pgbouncer && mv "$unpacked" build/pgbouncer && exit 0
    done
fi
echo 'ai-admin: there is no PgBouncer here, and it could not be had: no tests of its example.' >&2
exit 0
