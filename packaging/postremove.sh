#!/bin/sh
# After the deb or the rpm was removed. The user and /var/lib/hookwicket stay: the folder
# may contain events that have not been delivered.
set -e

if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
