package providers_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"sync"
)

// credential is a key to sign with, and the endpoint's secret for it.
type credential struct{ signs, secret string }

// credentials are of every form that a scheme may want. One that a scheme can use
// is one that its Verifier accepts.
var credentials = sync.OnceValue(func() []credential {
	var all []credential
	for _, shared := range []string{
		"correct horse battery staple",
		"whsec_QW5vdGhlciBzZWNyZXQgb2YgYnl0ZXM=",
		"QSB0aGlyZCBzZWNyZXQgdGhhdCBpcyBiYXNlNjQ=",
		strings.Repeat("0123456789abcdef", 4),
		"user:password",
		"user:cGFzc3dvcmQ=",
	} {
		all = append(all, credential{shared, shared})
	}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	rsa2048, _ := rsa.GenerateKey(rand.Reader, 2048)
	for _, key := range []crypto.Signer{ed, p256, p521, rsa2048} {
		all = append(all, credential{pemOf("PRIVATE KEY", key), pemOf("PUBLIC KEY", key)})
	}
	return all
})

func pemOf(kind string, key crypto.Signer) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if kind == "PUBLIC KEY" {
		der, err = x509.MarshalPKIXPublicKey(key.Public())
	}
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
