#!/bin/sh
# Before the apk is unpacked.
addgroup -S hookwicket 2>/dev/null
adduser -S -D -H -h /var/lib/hookwicket -s /sbin/nologin -G hookwicket -g hookwicket hookwicket 2>/dev/null
exit 0
