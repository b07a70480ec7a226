#!/bin/sh
# After the deb or the rpm was unpacked. dpkg calls it with "configure" and the version
# before this one, if any; rpm with the number of versions installed.
set -e

root=${DPKG_ROOT:-}
systemd-sysusers ${root:+--root="$root"} hookwicket.conf

# Messages and documentation say `caddy webhook ...`. If no other package has the
# command caddy, it is this program.
if command -v update-alternatives >/dev/null && { [ -L "$root/usr/bin/caddy" ] || [ ! -e "$root/usr/bin/caddy" ]; }; then
	update-alternatives --install /usr/bin/caddy caddy /usr/bin/hookwicket 10
fi

# The first installation starts nothing; an upgrade restarts what runs.
if [ -z "$root" ] && [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	case "$1:$2" in
	configure:?* | [2-9]:*) systemctl try-restart hookwicket.service ;;
	esac
fi
