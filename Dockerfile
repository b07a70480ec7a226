# The gateway as a container image: one static binary and the public CA certificates. docs/containers.md says how to run it.
#
#	docker build -t hookwicket .

FROM docker.io/library/golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# Shown by `caddy version`; the build context has no commit to take it from.
ARG VERSION=
RUN make build
# Volumes take the owner of these folders. Docker sets HOME from passwd.
RUN mkdir -p /image/etc/ssl/certs /image/usr/bin /image/data /image/config \
	&& cp caddy /image/usr/bin/caddy \
	&& cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
	&& echo 'hookwicket:x:65532:65532::/data:/sbin/nologin' >/image/etc/passwd \
	&& echo 'hookwicket:x:65532:' >/image/etc/group \
	&& chown 65532:65532 /image/data /image/config

FROM scratch
COPY --from=build /image /
ENV PATH=/usr/bin HOME=/data XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config
# The store and certificates; the last configuration, for `caddy run --resume`.
VOLUME /data /config
# Ports below 1024 need a runtime that lets an ordinary user have them, as Docker does.
EXPOSE 80 443 443/udp 8080
USER 65532:65532
# Without --address it asks the admin endpoint on localhost:2019.
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["/usr/bin/caddy", "webhook", "health"]
# Caddy takes it as an orderly stop: attempts under way may end, then are released.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/caddy"]
CMD ["run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
