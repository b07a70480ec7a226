package verifiers_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// stamped makes a request with a time of any spelling, and signs it.
func stamped(at, body string) *verifiers.Request {
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write([]byte(at + "." + body))
	return &verifiers.Request{Method: "POST", URL: "https://hooks.example.com/in", Body: []byte(body), Header: http.Header{
		"X-Time": {at}, "X-Sig": {hex.EncodeToString(mac.Sum(nil))},
	}}
}

// TestAttackTimes sends times that are signed and that one parser or another would
// read as a time of now.
func TestAttackTimes(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tolerance := verifiers.Freshness{Tolerance: verifiers.Tolerance{Past: 5 * time.Minute, Future: 5 * time.Minute}}
	numbers := []string{
		"", "0", "-0", "+0", "-1", "+1772366400", "01772366400", " 1772366400", "1772366400 ", "1772366400\t", "1772366400\n", "1772366400\x00",
		"1772366400.0", "1772366400.", "1772366400,0", "1_772_366_400", "1,772,366,400", "1772366400s", "1.7723664e9", "17723664e2", "1e400", "-1e400",
		"NaN", "Infinity", "-Infinity", "inf", "null", "0x69a42b40", "0b1", "0o15151025500", "١٧٧٢٣٦٦٤٠٠", "１７７２３６６４００",
		"9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551616", "18446744075482317", "99999999999999999999999999",
		"1772366400;1772366400", "1772366400 1772366400", "[1772366400]", `"1772366400"`,
	}
	for format, times := range map[string][]string{
		"unix":      append([]string{"1772366400000", "1772366400000000", "1772366400000000000"}, numbers...),
		"unix_ms":   append([]string{"1772366400", "1772366400000000", "1772366400000.5", "0001772366400000"}, numbers...),
		"unix_auto": append([]string{"1772366400000000", "17723664000", "177236640000"}, numbers[2:]...),
		"rfc3339": {
			"2026-03-01", "2026-03-01T12:00:00", "2026-03-01 12:00:00Z", "2026-03-01t12:00:00z", "2026-03-01T12:00:00,0Z", "2026-3-1T12:00:00Z", "2026-03-01T12:00Z",
			"2026-03-01T24:00:00Z", "2026-02-30T12:00:00Z", "2026-03-01T12:00:60Z", "2026-03-01T12:00:00+99:99", "+2026-03-01T12:00:00Z", "02026-03-01T12:00:00Z",
			"2026-03-01T12:00:00Z ", "2026-03-01T12:00:00Z\n", "2026-03-01T12:00:00ZZ", "0000-00-00T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z",
			"10000-01-01T00:00:00Z", "2026-03-01T12:00:00." + string(make([]byte, 100)) + "Z", "now", "1772366400",
		},
		"rfc1123": {
			"Sun, 01 Mar 2026 12:00:00", "Sun, 01 Mar 2026 12:00:00 XYZ", "Sun, 1 Mar 2026 12:00:00 GMT", "Mon, 32 Mar 2026 12:00:00 GMT", "1 Mar 2026",
			"Sunday, 01-Mar-26 12:00:00 GMT", "Sun Mar  1 12:00:00 2026", "Sun, 01 Mar 2026 12:00:00 GMT+24:00",
		},
		"datetime": {"2026-03-01T12:00:00Z", "2026-03-01 12:00:00.5", "2026-03-01 12:00:00 +0000", "2026-3-01 12:00:00", "2026-03-01 25:00:00"},
	} {
		v, err := verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Sig"}}, Content: "{timestamp}.{body}",
			Facts: verifiers.Facts{Timestamp: verifiers.Timestamp{From: "{header:X-Time}", Format: format}},
		}.Verifier("secret")
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range times {
			ev, err := v.Verify(t.Context(), stamped(at, "{}"))
			if err == nil {
				err = tolerance.Check(ev, now)
			}
			switch verifiers.ReasonOf(err) {
			case verifiers.MalformedTimestamp, verifiers.MissingTimestamp, verifiers.StaleTimestamp, verifiers.FutureTimestamp:
			default:
				t.Errorf("%s: %q is taken for %v: %v", format, at, ev.Timestamp, err)
			}
		}
	}
}

// TestAttackTolerance holds times against each other that are further apart than
// a duration can be.
func TestAttackTolerance(t *testing.T) {
	tolerance := verifiers.Tolerance{Past: 5 * time.Minute, Future: 5 * time.Minute}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]verifiers.Reason{
		time.Unix(253402300799, 0):      verifiers.FutureTimestamp,
		now.AddDate(292, 0, 0):          verifiers.FutureTimestamp,
		now.AddDate(293, 0, 0):          verifiers.FutureTimestamp,
		now.Add(5*time.Minute + 1):      verifiers.FutureTimestamp,
		now.Add(5 * time.Minute):        "",
		now.Add(-5 * time.Minute):       "",
		now.Add(-5*time.Minute - 1):     verifiers.StaleTimestamp,
		now.AddDate(-293, 0, 0):         verifiers.StaleTimestamp,
		time.Unix(0, 0):                 verifiers.StaleTimestamp,
		{}:                              verifiers.StaleTimestamp,
		time.Unix(1<<62, 0):             verifiers.FutureTimestamp,
		now.In(time.FixedZone("", 1e5)): "",
	} {
		if err := tolerance.Check(at, now); verifiers.ReasonOf(err) != want {
			t.Errorf("%v: %v, want %q", at, err, want)
		}
	}
	// The life of a token is judged in the same way.
	for _, life := range []verifiers.Event{{Expires: time.Unix(1, 0)}, {NotBefore: time.Unix(253402300799, 0)}} {
		if err := (verifiers.Freshness{}).Check(life, now); err == nil {
			t.Errorf("%+v", life)
		}
	}
}
