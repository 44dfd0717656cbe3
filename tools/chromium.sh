#!/bin/sh
# A browser for the browser tests: the machine's, or from apt when we are root, where Debian's
# `chromium-headless-shell`, the engine without windows, is preferred for half the work it makes.
# Without one the tests say so loudly, and fail under CI=true; this alone never does.
for name in chromium-headless-shell chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo 'Installing chromium for the browser tests …' >&2
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } \
        >/dev/null && exit 0
fi
echo 'ai-admin: there is no Chromium here, and it could not be installed: no browser tests.' >&2
exit 0
