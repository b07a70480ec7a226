package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// The tests sign by themselves, so that a mistake in the project's signer and
// verifier cannot hide itself.

const secret = "s3cret"

// sign is the signature of a body for the generic and github providers.
func sign(body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	io.WriteString(mac, body)
	return hex.EncodeToString(mac.Sum(nil))
}

// genericBody is an event of the generic provider.
func genericBody(id string) string {
	return fmt.Sprintf(`{"id":%q,"type":"order.paid","created_at":%q,"data":{}}`, id, time.Now().UTC().Format(time.RFC3339))
}

// client does not follow redirects and gives up in bounded time.
var client = &http.Client{
	Timeout:   patience,
	Transport: &http.Transport{MaxIdleConnsPerHost: 64},
}

// post sends a signed generic event; it returns the status, or an error if
// there was no answer.
func post(url, body string) (int, error) {
	status, _, err := postAs(url, body, sign(body))
	return status, err
}

func postAs(url, body, signature string) (int, string, error) {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Webhook-Signature", signature)
	resp, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(answer), err
}

// mustPost sends an event that has to be accepted.
func mustPost(t testing.TB, url, body string) {
	t.Helper()
	if status, err := post(url, body); err != nil || status != http.StatusOK {
		t.Fatalf("got %d, %v", status, err)
	}
}

func eventID(i int) string { return fmt.Sprintf("evt_%06d", i) }
