package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(youTube) }

// youTube is WebSub with Google's hub, which signs with SHA-1.
func youTube() verifiers.Provider {
	p := webSub()
	p.Name, p.Title = "youtube", "YouTube (push notifications)"
	p.Docs = append(p.Docs, "https://developers.google.com/youtube/v3/guides/push_notifications", "https://pubsubhubbub.appspot.com/")
	s := p.Scheme.(verifiers.HMAC)
	s.Hash = "sha1,sha256,sha384,sha512"
	p.Scheme = s
	p.Options[0].Example = "https://www.youtube.com/xml/feeds/videos.xml?channel_id=UC_x5XG1OV2P6uZZ5FSM9Ttw"
	p.Options[1].Example = p.Options[0].Example
	p.Dedupe.Why = "There is no event ID. The feed's entry bears the time of its last change, so the same body again is no news."
	p.Sample = verifiers.Sample{
		Type: "application/atom+xml",
		Body: `<?xml version='1.0' encoding='UTF-8'?>` + "\n" +
			`<feed xmlns:yt="http://www.youtube.com/xml/schemas/2015" xmlns="http://www.w3.org/2005/Atom">` +
			`<link rel="hub" href="https://pubsubhubbub.appspot.com"/><title>YouTube video feed</title><updated>{time}</updated>` +
			`<entry><id>yt:video:VIDEO_ID</id><yt:videoId>VIDEO_ID</yt:videoId><title>{id}</title><updated>{time}</updated></entry></feed>` + "\n",
	}
	return p
}
