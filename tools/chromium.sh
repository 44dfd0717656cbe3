#!/bin/sh
# A browser for the browser tests: the machine's, or from apt when we are root; the engine without
# windows first, which makes half the work.
# Without one the tests say so loudly, and fail under CI=true; this alone never does.
for name in chromium-headless-shell chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo 'Installing chromium for the browser tests …' >&2
    apt-get update -qq >/dev/null
    for name in chromium-headless-shell chromium; do
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$name" >/dev/null && exit 0
    done
fi
echo 'ai-admin: there is no Chromium here, and it could not be installed: no browser tests.' >&2
exit 0
