package providers

import (
	"context"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(awsSNS) }

// Compared in November 2026: sns-validator 0.3.5 is the newest and judges this row; it
// knows the signature versions 1 and 2.
func awsSNS() verifiers.Provider {
	return verifiers.Provider{
		Name:  "aws-sns",
		Title: "Amazon SNS",
		Docs: []string{
			"https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
			"https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html",
			"https://github.com/aws/aws-js-sns-message-validator",
		},
		Why: "Amazon's key signs for every topic there is, and anybody can make one: the topics that count are given by topic_arn. " +
			"Some of the members are signed, not the body: MessageAttributes and UnsubscribeURL are not among them. " +
			"A topic signs with SHA-1 (version 1) unless its attribute SignatureVersion is 2. Raw message delivery is not signed at all and is refused.",
		Confirmed: true,
		Scheme: snsScheme{Facts: verifiers.Facts{
			Timestamp: verifiers.Timestamp{From: "{json:Timestamp}", Format: "rfc3339"},
			EventID:   []string{"{json:MessageId}"},
			EventType: []string{"{json:Type}"},
			Addressee: []verifiers.Condition{{Of: "{json:TopicArn}", Is: []string{"{option:topic_arn}"}}},
		}},
		Secret: verifiers.SecretInfo{
			Name:     "signing certificate",
			Where:    "the SigningCertURL of a message; without one it is fetched from there",
			Optional: true,
		},
		Options: []verifiers.Option{{
			Name: "topic_arn", What: "the ARN of the topic, as the SNS console shows it: anybody with an AWS account has topics that sign as well",
			Required: true, Many: true, Pattern: `arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+`,
			Example: "arn:aws:sns:us-west-2:123456789012:MyTopic",
		}},
		Handshakes: []verifiers.Handshake{
			{
				Name:     "subscription_confirmation",
				When:     []verifiers.Condition{{Of: "{json:Type}", Is: []string{"SubscriptionConfirmation"}}},
				Verified: true,
				Confirm:  "{json:SubscribeURL}",
				Pin:      []string{snsHost + `/\?Action=ConfirmSubscription&[A-Za-z0-9&=:._~%+-]+`},
			},
			{
				// Its SubscribeURL would subscribe again, which nobody asked for.
				Name:     "unsubscribe_confirmation",
				When:     []verifiers.Condition{{Of: "{json:Type}", Is: []string{"UnsubscribeConfirmation"}}},
				Verified: true,
			},
		},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       "The time is that of the publication. A policy of a subscription can retry for an hour; a week also covers a wait in the topic.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "MessageId is signed and the same on every attempt. No delivery policy may take longer than an hour.",
		},
		// A message has 256 KiB at most, and is a string in JSON.
		Largest:      escaped(256<<10) + 4<<10,
		Retries:      verifiers.Retries{Deadline: 15 * time.Second, Horizon: time.Hour},
		Confidential: []verifiers.Place{{From: "json", Name: "Signature"}},
		Sample: verifiers.Sample{
			Type:   "text/plain; charset=UTF-8",
			Header: map[string]string{"X-Amz-Sns-Message-Type": "Notification"},
			Body: `{"Type":"Notification","MessageId":"{id}","TopicArn":"arn:aws:sns:us-west-2:123456789012:MyTopic","Subject":"Order",` +
				`"Message":"order 1001 was paid","Timestamp":"{time}","SignatureVersion":"2","Signature":"",` +
				`"SigningCertURL":"https://sns.us-west-2.amazonaws.com/SimpleNotificationService-00000000000000000000000000000000.pem"}`,
		},
	}
}

// snsHost is where SNS is, as its own validators pin it. Without a dot in the
// region's place no bucket or host of a customer's can match.
const snsHost = `https://sns\.[a-z0-9-]{3,40}\.amazonaws\.com(?:\.cn)?`

// snsScheme picks a signature by the message's type and version. Each of them is
// [verifiers.PublicKey].
type snsScheme struct {
	verifiers.Facts

	source verifiers.KeySource
}

var (
	_ verifiers.Fetching = snsScheme{}
	_ verifiers.Signer   = snsScheme{}
)

// WithKeySource returns a copy of the scheme that fetches certificates from source.
func (s snsScheme) WithKeySource(source verifiers.KeySource) verifiers.Scheme {
	s.source = source
	return s
}

// snsKind holds the fields of a message that decide which content is signed, and how.
type snsKind struct {
	confirmation, subject bool
	version               string
}

var snsHashes = map[string]string{"1": "sha1", "2": "sha256"}

// scheme describes one kind of signature.
func (s snsScheme) scheme(kind snsKind) verifiers.PublicKey {
	names := []string{"Message", "MessageId", "Timestamp", "TopicArn", "Type"}
	switch {
	case kind.confirmation:
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	case kind.subject:
		names = []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	}
	content := ""
	for _, name := range names {
		content += name + "\n{json:" + name + "}\n"
	}
	return verifiers.PublicKey{
		Algorithm: "rsa",
		Hash:      snsHashes[kind.version],
		Signature: verifiers.Signature{From: "json", Names: []string{"Signature"}, Encoding: "base64"},
		Content:   content,
		Keys: verifiers.Keys{
			URL:    "{json:SigningCertURL}",
			Pin:    []string{snsHost + `/SimpleNotificationService[A-Za-z0-9_-]*\.pem`},
			Format: "pem",
		},
		Facts: s.Facts,
	}
}

// Verifier compiles a verifier for each kind of message.
func (s snsScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	v := snsVerifier{}
	for version := range snsHashes {
		for _, kind := range []snsKind{{false, false, version}, {false, true, version}, {true, false, version}} {
			compiled, err := s.scheme(kind).WithKeySource(s.source).Verifier(secrets...)
			if err != nil {
				return nil, err
			}
			v[kind] = compiled
		}
	}
	return v, nil
}

// Sign adds the signature, with a private RSA key.
func (s snsScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	kind, err := snsKindOf(r)
	if err != nil {
		return err
	}
	return s.scheme(kind).Sign(r, secret, now, id)
}

type snsVerifier map[snsKind]verifiers.Verifier

// Verify checks a request.
func (v snsVerifier) Verify(ctx context.Context, r *verifiers.Request) (verifiers.Event, error) {
	kind, err := snsKindOf(r)
	if err != nil {
		return verifiers.Event{}, err
	}
	return v[kind].Verify(ctx, r)
}

// snsKindOf reads these fields. A member that is there twice, or in
// another case, is none of Amazon's: another reader might take the one that is not
// signed.
func snsKindOf(r *verifiers.Request) (kind snsKind, err error) {
	if !verifiers.ValidJSON(r.Body) {
		return kind, verifiers.Refuse(verifiers.MalformedBody, "it is not JSON")
	}
	found, err := members(gjson.ParseBytes(r.Body), "Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token",
		"TopicArn", "Type", "Signature", "SignatureVersion", "SigningCertURL", "UnsubscribeURL", "MessageAttributes")
	if err != nil {
		return kind, err
	}
	if found["Signature"].Type == gjson.Null { // also if it is absent
		return kind, verifiers.Refuse(verifiers.MissingSignature, "no Signature; turn raw message delivery off, which is not signed")
	}
	for name, value := range found {
		switch {
		case name == "MessageAttributes", name == "Subject" && value.Type == gjson.Null:
		case value.Type != gjson.String:
			return kind, verifiers.Refuse(verifiers.MalformedBody, "%s is not a string", name)
		case name != "Message" && strings.Contains(value.Str, "\n"):
			// The signed text has a line for each name and each value. As long as one
			// value alone may have more of them, it can be read in one way only.
			return kind, verifiers.Refuse(verifiers.MalformedBody, "%s has a line break in it", name)
		}
	}
	kind.version, kind.subject = found["SignatureVersion"].Str, found["Subject"].Type == gjson.String
	if snsHashes[kind.version] == "" {
		return kind, verifiers.Refuse(verifiers.MalformedSignature, "SignatureVersion is neither 1 nor 2")
	}
	switch found["Type"].Str {
	case "Notification":
	case "SubscriptionConfirmation", "UnsubscribeConfirmation":
		kind.confirmation, kind.subject = true, false
	default:
		return kind, verifiers.Refuse(verifiers.MalformedBody, "a Type that SNS does not send")
	}
	return kind, nil
}
