package providers

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// paypalCerts is where PayPal's certificates are, and nothing else.
const paypalCerts = `https://api\.(?:sandbox\.)?paypal\.com/v1/notifications/certs/CERT-[0-9a-f-]{8,64}`

// paypalScheme signs the transmission's ID and time, the webhook's ID and the
// CRC-32 of the body, with the key of a certificate.
type paypalScheme struct {
	verifiers.Facts

	source verifiers.KeySource
}

var (
	_ verifiers.Fetching = paypalScheme{}
	_ verifiers.Signer   = paypalScheme{}
)

// WithKeySource returns a copy of the scheme that fetches certificates from source.
func (s paypalScheme) WithKeySource(source verifiers.KeySource) verifiers.Scheme {
	s.source = source
	return s
}

type paypalVerifier struct {
	webhooks []string
	keys     []*rsa.PublicKey // empty: they are fetched
	roots    *x509.CertPool   // nil: the chain is not checked
	fetched  *verifiers.Fetched[*paypalCert]
	facts    *verifiers.FactReader
}

// paypalCert is a certificate, and those that the document has beside it.
type paypalCert struct {
	*x509.Certificate
	key    *rsa.PublicKey
	beside *x509.CertPool
}

// Verifier makes the scheme's verifier. A secret is a certificate or a public key,
// which takes the place of the fetched one.
func (s paypalScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	v := &paypalVerifier{
		webhooks: strings.Fields(s.Options["webhook_id"]),
		fetched:  verifiers.NewFetched(s.source, readPaypalCert),
	}
	if len(v.webhooks) == 0 {
		return nil, errors.New("no webhook_id: PayPal signs for every merchant, and it says whose the event is")
	}
	var err error
	if len(secrets) > 0 {
		if v.keys, err = rsaKeys(secrets); err != nil {
			return nil, err
		}
	}
	if v.roots, err = paypalRoots(s.Options["roots"]); err != nil {
		return nil, err
	}
	v.facts, err = s.Reader(verifiers.Covered{Places: []string{"{header:Paypal-Transmission-Id}{header:Paypal-Transmission-Time}"}})
	return v, err
}

func paypalRoots(option string) (*x509.CertPool, error) {
	switch option {
	case "":
		return nil, nil
	case "system":
		return x509.SystemCertPool()
	}
	if !strings.Contains(option, "\n") { // as it comes out of many an .env file
		option = strings.ReplaceAll(option, `\n`, "\n")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(option)) {
		return nil, errors.New("roots: neither system nor certificates in PEM")
	}
	return pool, nil
}

// Verify checks a request.
func (v *paypalVerifier) Verify(ctx context.Context, r *verifiers.Request) (ev verifiers.Event, err error) {
	signature, err := inHeader(r, "Paypal-Transmission-Sig", "base64")
	if err != nil {
		return ev, err
	}
	algorithm, err := verifiers.HeaderOf(r, "Paypal-Auth-Algo")
	if err != nil {
		return ev, err
	}
	if algorithm != "SHA256withRSA" {
		return ev, verifiers.Refuse(verifiers.MalformedSignature, "the algorithm is not SHA256withRSA")
	}
	sent, err := verifiers.HeaderOf(r, "Paypal-Transmission-Time")
	if err != nil {
		return ev, err
	}
	keys := v.keys
	if len(keys) == 0 {
		cert, err := v.certificate(ctx, r, sent)
		if err != nil {
			return ev, err
		}
		keys, ev.NotBefore, ev.Expires = []*rsa.PublicKey{cert.key}, cert.NotBefore, cert.NotAfter
	}
	for _, webhook := range v.webhooks {
		content, err := paypalContent(r, webhook)
		if err != nil {
			return verifiers.Event{}, err
		}
		if rsaSigned(keys, crypto.SHA256, content, signature) {
			ev.Content = []byte(content)
			return told(v.facts, r, ev)
		}
	}
	return verifiers.Event{}, verifiers.Refuse(verifiers.WrongSignature, "the certificate's key did not sign this for any webhook_id of the endpoint")
}

// paypalContent makes the signed content.
func paypalContent(r *verifiers.Request, webhook string) (string, error) {
	id, err := verifiers.HeaderOf(r, "Paypal-Transmission-Id")
	if err != nil {
		return "", err
	}
	sent, err := verifiers.HeaderOf(r, "Paypal-Transmission-Time")
	if err != nil {
		return "", err
	}
	// A separator in one of them would let its end pass for the next.
	if strings.Contains(id, "|") || strings.Contains(sent, "|") {
		return "", verifiers.Refuse(verifiers.MalformedSignature, "the transmission's ID or time has a separator in it")
	}
	sum := strconv.FormatUint(uint64(crc32.ChecksumIEEE(r.Body)), 10)
	return id + "|" + sent + "|" + webhook + "|" + sum, nil
}

// certificate fetches the certificate that the request names, and makes sure that
// it was one of PayPal's for signing when the request was sent.
func (v *paypalVerifier) certificate(ctx context.Context, r *verifiers.Request, sent string) (*paypalCert, error) {
	url, err := verifiers.HeaderOf(r, "Paypal-Cert-Url")
	if err != nil {
		return nil, err
	}
	at, err := verifiers.ParseTime("rfc3339", sent)
	if err != nil {
		return nil, err
	}
	pins := []string{paypalCerts}
	if !pinned(url, pins) {
		return nil, errForeignKey()
	}
	cert, _, err := v.fetched.Get(ctx, verifiers.KeyRequest{URL: strings.Clone(url), Pin: pins})
	if err != nil {
		return nil, err
	}
	if at.Before(cert.NotBefore) || at.After(cert.NotAfter) {
		return nil, verifiers.Refuse(verifiers.WrongSignature, "the certificate was not valid when the request was sent")
	}
	if v.roots == nil {
		return cert, nil
	}
	if _, err := cert.Verify(x509.VerifyOptions{
		Roots: v.roots, Intermediates: cert.beside, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err != nil {
		return nil, verifiers.Refuse(verifiers.UnavailableKey, "the certificate was not issued by any of roots: %s", err)
	}
	return cert, nil
}

// readPaypalCert reads the document of a certificate: PEM, PayPal's own first.
func readPaypalCert(document []byte) (*paypalCert, error) {
	found := &paypalCert{beside: x509.NewCertPool()}
	for block, rest := pem.Decode(document); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		switch {
		case block.Type != "CERTIFICATE" || err != nil:
			return nil, errors.New("it is not a certificate")
		case found.Certificate != nil:
			found.beside.AddCert(cert)
			continue
		}
		found.Certificate = cert
	}
	if found.Certificate == nil {
		return nil, errors.New("it is not a certificate")
	}
	var ok bool
	if found.key, ok = found.PublicKey.(*rsa.PublicKey); !ok || found.key.N.BitLen() < 2048 {
		return nil, errors.New("its key is not an RSA key of 2048 bits or more")
	}
	names := append(slices.Clone(found.DNSNames), found.Subject.CommonName)
	if !slices.ContainsFunc(names, paypalSigner) {
		return nil, fmt.Errorf("it is the certificate of %q", found.Subject.CommonName)
	}
	return found, nil
}

// paypalSigner reports whether a certificate of this name is one of those with which
// PayPal signs webhooks, and not that of any of its web servers.
func paypalSigner(name string) bool {
	return strings.HasPrefix(name, "messageverificationcerts.") && strings.HasSuffix(name, ".paypal.com")
}

// Sign adds the signature, with a private RSA key, for the first webhook_id. Such a
// request is for an endpoint that has the public key as its secret.
func (s paypalScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	webhooks := strings.Fields(s.Options["webhook_id"])
	if len(webhooks) == 0 {
		return errors.New("no webhook_id")
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	for name, value := range map[string]string{"Paypal-Transmission-Id": id, "Paypal-Auth-Algo": "SHA256withRSA"} {
		if r.Header.Get(name) == "" {
			r.Header.Set(name, value)
		}
	}
	content, err := paypalContent(r, webhooks[0])
	if err != nil {
		return err
	}
	signature, err := rsaSign(secret, crypto.SHA256, content)
	if err != nil {
		return err
	}
	return verifiers.Put(r, "header", "Paypal-Transmission-Sig", toBase64(signature))
}
