#!/bin/sh
# Writes the files of the archives and packages that follow from the program into build:
# manual pages, completions, and the licences of all modules in the binary.
#
#	packaging/generate.sh [BINARY]
#
# BINARY is a hookwicket for this machine. Without it, one is built.
set -eu
cd "$(dirname "$0")/.."

tags=nobadger,nomysql,nopgx
binary=${1:-}
rm -rf build/man build/completions build/THIRD-PARTY-LICENSES
mkdir -p build/completions
if [ -z "$binary" ]; then
	binary=build/hookwicket
	env -u GOOS -u GOARCH CGO_ENABLED=0 go build -trimpath -tags "$tags" \
		-ldflags "-s -w -X github.com/caddyserver/caddy/v2.CustomBinaryName=hookwicket" -o "$binary" ./cmd/caddy
fi

"$binary" manpage --directory build/man
gzip -9n build/man/*
for shell in bash zsh fish; do
	"$binary" completion "$shell" >"build/completions/hookwicket.$shell"
done

{
	echo "Hookwicket contains the modules below, on some systems not all of them. Their licences require that these texts accompany it."
	printf '\n======== %s\n\n' "$(go env GOVERSION)"
	cat "$(go env GOROOT)/LICENSE"
	for os in linux darwin windows freebsd; do
		CGO_ENABLED=0 GOOS=$os go list -tags "$tags" -deps \
			-f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/caddy
	done | sort -u | while read -r path version dir; do
		printf '\n======== %s %s\n\n' "$path" "$version"
		texts=$(find "$dir" -maxdepth 1 -type f \( -iname 'licen[sc]e*' -o -iname 'copying*' -o -iname 'notice*' \) | sort)
		if [ -z "$texts" ]; then
			echo "$path $version has no file with a licence" >&2
			exit 1
		fi
		echo "$texts" | while read -r text; do cat "$text"; done
	done
} >build/THIRD-PARTY-LICENSES
