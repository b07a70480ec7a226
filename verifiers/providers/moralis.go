package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(moralis) }

func moralis() verifiers.Provider {
	return verifiers.Provider{
		Name:  "moralis",
		Title: "Moralis Streams",
		Docs: []string{
			"https://docs.moralis.com/streams/security-and-reliability/webhook-security",
			"https://docs.moralis.com/streams/webhooks/test-webhooks",
			"https://github.com/MoralisWeb3/Moralis-JS-SDK/blob/main/packages/streams/src/methods/verifySignature.test.ts",
		},
		Why:       "Not an HMAC but Keccak-256, Ethereum's hash, of the body with the secret behind it.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Hash:   "keccak256",
			Digest: true,
			Signature: verifiers.Signature{
				Names:  []string{"x-signature"},
				Prefix: "0x",
			},
			Content: "{body}{secret}",
			Facts: verifiers.Facts{
				EventID:   []string{"{json:streamId}:{json:chainId}:{json:block.hash}:{json:confirmed}"},
				EventType: []string{"{json:tag}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "streams secret", Where: "admin.moralis.com > Settings; accounts without one use the API key"},
		Handshakes: []verifiers.Handshake{{
			// When a stream is created or changed, Moralis sends a signed body in
			// which everything is empty and wants 200.
			Name: "test",
			When: []verifiers.Condition{
				{Of: "{header:x-signature}"},
				{Of: "{json:retries}"},
				{Of: "{json:streamId}", Absent: true},
				{Of: "{json:block.hash}", Absent: true},
			},
			Verified: true,
		}},
		Freshness: verifiers.Freshness{Why: "The only time is that of the block."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "There is no ID, but a stream has one event for a block, and another when the block is confirmed. " +
				"The body counts its retries, so a digest is no key.",
		},
		Retries: verifiers.Retries{Attempts: 8, Horizon: 45*time.Hour + 11*time.Minute},
		Sources: verifiers.Sources{
			Retries: "MoralisWeb3/docs, docs/02-streams-api/evm/streams-configuration/error-handling.md",
		},
		Sample: verifiers.Sample{
			Body: `{"confirmed":true,"chainId":"0x1","abi":[],"streamId":"{uuid}","tag":"orders","retries":0,` +
				`"block":{"number":"15992650","hash":"0x{id}","timestamp":"{unix}"},"logs":[],"txs":[],"txsInternal":[],"erc20Transfers":[],"nftTransfers":[]}`,
		},
	}
}
