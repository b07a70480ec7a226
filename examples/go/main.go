// Command go receives the webhooks of three systems, as a program does that has
// no gateway before it: it checks each signature itself and answers as the
// sender's document asks. It works the same behind the gateway, unchanged; only
// then do the headers that it prints have a value.
package main

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

const maxBody = 10 << 20 // TaskFlow sends up to 10 MB

// A system is a sender of webhooks.
type system struct {
	name      string
	secretEnv string
	header    string // holds the signature
	signature func(secret string, body []byte) string
	eventType string // key of the body
	mediaType string // of both answers
	received  string
	refused   string
}

var systems = []system{{
	name:      "toolify",
	secretEnv: "TOOLIFY_API_KEY",
	header:    "X-Webhook-Signature",
	signature: func(key string, _ []byte) string { return key }, // the API key itself
	eventType: "event",
	mediaType: "application/json",
	received:  `{"received": true}`,
	refused:   `{"error":"Invalid signature"}`,
}, {
	name:      "generic",
	secretEnv: "GENERIC_WEBHOOK_SECRET",
	header:    "X-Webhook-Signature",
	signature: hexHMAC,
	eventType: "type",
	mediaType: "application/json",
	received:  `{"status":"received"}`,
	refused:   `{"error":"Invalid signature"}`,
}, {
	name:      "taskflow",
	secretEnv: "TASKFLOW_WEBHOOK_SECRET",
	header:    "X-TaskFlow-Signature",
	signature: func(secret string, body []byte) string { return "sha256=" + hexHMAC(secret, body) },
	eventType: "type",
	mediaType: "text/plain",
	received:  "OK",
	refused:   "Invalid signature",
}}

func hexHMAC(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// handler receives the events of one system.
func (s system) handler(secret string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil { // after any other than "too large" nobody listens
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		w.Header().Set("Content-Type", s.mediaType)
		if !hmac.Equal([]byte(r.Header.Get(s.header)), []byte(s.signature(secret, body))) {
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, s.refused)
			return
		}
		var event map[string]any
		if err := json.Unmarshal(body, &event); err != nil {
			http.Error(w, "malformed JSON", http.StatusBadRequest)
			return
		}
		// The work: here, to print a line.
		json.NewEncoder(os.Stdout).Encode(map[string]any{
			"system":     s.name,
			"type":       event[s.eventType],
			"message_id": r.Header.Get("Webhook-Gateway-Message-Id"),
			"event_id":   r.Header.Get("Webhook-Gateway-Event-Id"),
			"attempt":    r.Header.Get("Webhook-Gateway-Attempt"),
		})
		io.WriteString(w, s.received)
	}
}

func main() {
	for _, s := range systems {
		secret := os.Getenv(s.secretEnv)
		if secret == "" {
			log.Fatalf("%s is not set", s.secretEnv)
		}
		http.Handle("POST /"+s.name, s.handler(secret))
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", cmp.Or(os.Getenv("PORT"), "9000")))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", l.Addr())
	server := &http.Server{ReadTimeout: 30 * time.Second}
	log.Fatal(server.Serve(l))
}
