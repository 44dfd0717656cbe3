#!/bin/sh
# An nginx for the tests of deploy/nginx.conf: the machine's, or unpacked into build/ from apt,
# without installing it: an installed one would start a server.
# Without one the tests say so loudly, and fail under CI=true; this alone never does.
cd "$(dirname "$0")/.." || exit 1
command -v nginx >/dev/null && exit 0
[ -x build/nginx/usr/sbin/nginx ] && exit 0
if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    echo 'Unpacking nginx for the tests of its example …' >&2
    (
        chmod 755 "$folder" && cd "$folder" || exit 1
        apt-get download -qq nginx 2>/dev/null ||
            { [ "$(id -u)" -eq 0 ] && apt-get update -qq && apt-get download -qq nginx; }
    ) >/dev/null 2>&1
    for package in "$folder"/nginx_*.deb; do
        [ -e "$package" ] && mkdir -p build/nginx && dpkg-deb -x "$package" build/nginx && exit 0
    done
fi
echo 'ai-admin: there is no nginx here, and it could not be had: no tests of its example.' >&2
exit 0
