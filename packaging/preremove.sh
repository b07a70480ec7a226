#!/bin/sh
# Before the deb or the rpm is removed. dpkg calls it with "remove", rpm with 0; at an
# upgrade with other words.
set -e

case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac

root=${DPKG_ROOT:-}
if [ -z "$root" ] && [ -d /run/systemd/system ]; then
	systemctl disable --now hookwicket.service
fi
if command -v update-alternatives >/dev/null; then
	update-alternatives --remove caddy /usr/bin/hookwicket
fi
