package providers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(plaid) }

func plaid() verifiers.Provider {
	return verifiers.Provider{
		Name:  "plaid",
		Title: "Plaid",
		Docs: []string{
			"https://plaid.com/docs/api/webhooks/webhook-verification/",
			"https://plaid.com/docs/api/webhooks/",
		},
		Why: "The token's key is asked for by its ID from Plaid's API, with the client's own credentials. " +
			"A webhook of the sandbox is signed with a key that only the sandbox knows.",
		Confirmed: true,
		Scheme: plaidScheme{Facts: verifiers.Facts{
			Timestamp: verifiers.Timestamp{From: "{claim:iat}", Format: "unix"},
			EventID:   []string{"{claim:iat}.{claim:request_body_sha256}"},
			EventType: []string{"{json:webhook_type}.{json:webhook_code}"},
		}},
		Secret: verifiers.SecretInfo{
			Name:     "verification key",
			Where:    "the key in the answer of /webhook_verification_key/get, as a JWK; without one it is fetched",
			Optional: true,
		},
		Options: []verifiers.Option{
			{
				Name: "client_id", What: "the client_id under Developers > Keys of Plaid's dashboard, with which keys are fetched",
				Required: true, Fetching: true, Example: "5f0000000000000000000000",
			},
			{
				Name: "client_secret", What: "the secret of the environment, under Developers > Keys of Plaid's dashboard",
				Required: true, Fetching: true, Secret: true, Example: "not-a-real-secret",
			},
			{
				Name: "environment", What: "production, which is the default, or sandbox",
				Pattern: "production|sandbox", Example: "sandbox",
			},
		},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Plaid wants tokens refused that are older than five minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "Events have no ID, and two of them may be the same byte for byte, such as SYNC_UPDATES_AVAILABLE of one item. " +
				"So the second and the body that the token is for are recognised. A captured request is a duplicate, a retry with a new token is not.",
		},
		Retries:      verifiers.Retries{Deadline: 10 * time.Second, Horizon: 24 * time.Hour},
		Confidential: []verifiers.Place{{From: "header", Name: "Plaid-Verification"}},
		Sample: verifiers.Sample{
			Body: `{"webhook_type":"TRANSACTIONS","webhook_code":"SYNC_UPDATES_AVAILABLE","item_id":"wz666MBjYWTp2PDzzggYhM6oWWmBb",` +
				`"initial_update_complete":true,"historical_update_complete":false,"environment":"production"}`,
		},
	}
}

// plaidScheme is a JSON web token whose key has to be asked for with credentials,
// and may have expired, as the answer says.
type plaidScheme struct {
	verifiers.Facts

	source verifiers.KeySource
}

var (
	_ verifiers.Fetching = plaidScheme{}
	_ verifiers.Signer   = plaidScheme{}
)

// WithKeySource returns a copy of the scheme that fetches keys from source.
func (s plaidScheme) WithKeySource(source verifiers.KeySource) verifiers.Scheme {
	s.source = source
	return s
}

// token describes the token, whose key is a secret once it is known.
func (s plaidScheme) token() verifiers.JWT {
	return verifiers.JWT{
		Names:      []string{"Plaid-Verification"},
		Algorithms: []string{"ES256"},
		BodyHash:   verifiers.ClaimHash{Claim: "request_body_sha256"},
		Facts:      s.Facts,
	}
}

// Verifier makes the scheme's verifier.
func (s plaidScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	if len(secrets) > 0 {
		return s.token().Verifier(secrets...)
	}
	if s.Options["client_id"] == "" || s.Options["client_secret"] == "" {
		return nil, errors.New("no client_id or no client_secret, without which Plaid hands out no keys")
	}
	host := "production"
	if environment := s.Options["environment"]; environment != "" {
		host = environment
	}
	return &plaidVerifier{
		url:         "https://" + host + ".plaid.com/webhook_verification_key/get",
		credentials: s.Options,
		keys:        verifiers.NewFetched(s.source, s.readKey),
	}, nil
}

// readKey makes a verifier of the answer with a key.
func (s plaidScheme) readKey(document []byte) (verifiers.Verifier, error) {
	if !verifiers.ValidJSON(document) {
		return nil, errors.New("it is not JSON")
	}
	key := gjson.GetBytes(document, "key")
	if key.Get("expired_at").Type != gjson.Null {
		return nil, errors.New("the key has expired")
	}
	return s.token().Verifier(key.Raw)
}

type plaidVerifier struct {
	url         string
	credentials map[string]string
	keys        *verifiers.Fetched[verifiers.Verifier]
}

// Verify checks a request. The key's name in the token's header is trusted as far
// as asking for it goes.
func (v *plaidVerifier) Verify(ctx context.Context, r *verifiers.Request) (verifiers.Event, error) {
	id, err := plaidKeyID(r)
	if err != nil {
		return verifiers.Event{}, err
	}
	body, err := json.Marshal(map[string]string{
		"client_id": v.credentials["client_id"], "secret": v.credentials["client_secret"], "key_id": id,
	})
	if err != nil {
		return verifiers.Event{}, err
	}
	ask := verifiers.KeyRequest{Method: "POST", URL: v.url, Body: body, TTL: 24 * time.Hour}
	ask.Header = map[string][]string{"Content-Type": {"application/json"}}
	verifier, _, err := v.keys.Get(ctx, ask)
	if err != nil {
		return verifiers.Event{}, err
	}
	return verifier.Verify(ctx, r)
}

// plaidKeyID returns the ID of the key: that of a UUID's form, so that nobody can
// have Plaid asked for anything else.
func plaidKeyID(r *verifiers.Request) (string, error) {
	token, err := verifiers.HeaderOf(r, "Plaid-Verification")
	if err != nil {
		return "", err
	}
	text, _, _ := strings.Cut(token, ".")
	header, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || !verifiers.ValidJSON(header) {
		return "", verifiers.Refuse(verifiers.MalformedSignature, "it is not a JSON web token")
	}
	found, err := members(gjson.ParseBytes(header), "alg", "kid")
	if err != nil || found["alg"].Str != "ES256" {
		return "", verifiers.Refuse(verifiers.MalformedSignature, "the token's algorithm is not ES256")
	}
	id := found["kid"].Str
	if !pinned(id, []string{uuidForm}) {
		return "", errForeignKey()
	}
	return id, nil
}

// uuidForm is the form of those key IDs for which Plaid is asked.
const uuidForm = `[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}`

// Sign adds a token, with a private P-256 key. Such a request is for an endpoint
// that has the public key as its secret.
func (s plaidScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	return s.token().Sign(r, secret, now, id)
}
