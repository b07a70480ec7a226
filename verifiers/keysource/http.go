package keysource

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// client makes the HTTP client. It follows no redirect: the row chose the URL, but not
// the target of a redirect.
func client(o Options) *http.Client {
	dialer := &net.Dialer{Timeout: o.Timeout}
	if !o.AllowPrivate {
		dialer.Control = publicOnly // sees the address after the name was resolved
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if o.Transport != nil {
		return &http.Client{CheckRedirect: noRedirect, Transport: o.Transport}
	}
	return &http.Client{
		CheckRedirect: noRedirect,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    o.Timeout,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// special are networks outside the public internet that package netip does not list.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"),
}

// translated is where networks without IPv4 put its addresses (RFC 6052).
var translated = netip.MustParsePrefix("64:ff9b::/96")

// publicOnly refuses to connect to an address that is not public.
func publicOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := at.Addr().Unmap()
	if translated.Contains(ip) {
		bytes := ip.As16()
		ip = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return errPrivate
	}
	for _, network := range special {
		if network.Contains(ip) {
			return errPrivate
		}
	}
	return nil
}

var errPrivate = errors.New("its name resolves to an address that is not public, and that is not allowed")

// check refuses a URL that nothing may be fetched from. Its errors show the host
// and no more, since the rest may hold a secret.
func (s *Source) check(r verifiers.KeyRequest) (host string, err error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return "", errors.New("the URL of the keys is none")
	}
	host = u.Hostname()
	switch {
	case !strings.HasPrefix(r.URL, "https://"):
		return "", errors.New("the URL of the keys does not start with https://")
	case u.User != nil || u.Opaque != "" || strings.Contains(r.URL, "#"):
		return "", fmt.Errorf("the URL of the keys of %s has more in it than is needed", host)
	case !plainHost(host) || strings.ContainsAny(r.URL, "\\ \t\r\n"):
		return "", errors.New("the URL of the keys is spelled oddly")
	case len(r.Pin) == 0:
		return host, nil
	case u.Port() != "" || strings.HasSuffix(u.Host, ":") || isAddress(host):
		return "", fmt.Errorf("the URL of the keys of %s, which the request chose, has a port or an address", host)
	}
	for _, text := range r.Pin {
		pin, err := s.pin(text)
		if err != nil {
			return "", err
		}
		if pin.MatchString(r.URL) {
			return host, nil
		}
	}
	return "", fmt.Errorf("the URL of the keys is on %s and none of the provider's", host)
}

// plainHost reports whether a host has its usual spelling, so that no two parsers see
// different hosts.
func plainHost(host string) bool {
	if isAddress(host) {
		return true
	}
	if host == "" || strings.HasSuffix(host, ".") || strings.Contains(host, "..") {
		return false
	}
	for _, c := range []byte(host) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// pin compiles one pin, which the whole of a URL has to match.
func (s *Source) pin(text string) (*regexp.Regexp, error) {
	if known, ok := s.pins.Load(text); ok {
		return known.(*regexp.Regexp), nil
	}
	pin, err := regexp.Compile(`\A(?:` + text + `)\z`)
	if err == nil {
		s.pins.Store(text, pin)
	}
	return pin, err
}

// maxAge is how long an answer is kept: as its Cache-Control says, within limits.
func maxAge(header http.Header) time.Duration {
	for directive := range strings.SplitSeq(strings.ToLower(strings.Join(header["Cache-Control"], ",")), ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(directive), "="); name {
		case "no-store", "no-cache":
			return shortest
		case "max-age":
			if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
				return min(max(time.Duration(seconds)*time.Second, shortest), longest)
			}
		}
	}
	return usual
}

// withoutURL takes the URL out of an error, since it may hold a secret.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
