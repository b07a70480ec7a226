package verifiers

// Sources tell where the facts about a sender's behaviour were read: a URL, or a
// repository and a path in it, as "owner/name, path/to/file". A fact without a source is
// assumed. The defaults that depend on an assumed one lean to the safe side.
type Sources struct {
	Retries    string // of Retries.Attempts and Retries.Horizon
	Deadline   string // of Retries.Deadline
	Answers    string // of Answers; also where the sender accepts every 2xx
	Repeats    string // that a retry has the key of [Dedupe] that the first attempt had
	Largest    string // of Largest
	Handshakes string // of Handshakes
}

// Fact is a fact about a sender's behaviour.
type Fact struct {
	Name   string // such as "retries"
	Source string // see [Sources]; "": assumed
}

// Behaviour returns the facts about the sender's behaviour on which the row relies. A row
// without Docs has none: it describes no sender, or is the description of one.
func (p Provider) Behaviour() (facts []Fact) {
	if len(p.Docs) == 0 {
		return nil
	}
	s, a := p.Sources, p.Answers
	for _, f := range []struct {
		relied bool
		Fact
	}{
		{true, Fact{"retries", s.Retries}},
		{p.Retries.Deadline > 0, Fact{"deadline", s.Deadline}},
		{p.Synchronous == "" || a != Answers{}, Fact{"answers", s.Answers}},
		{p.Dedupe.By != ByNothing, Fact{"repeats", s.Repeats}},
		{p.Largest > 0, Fact{"largest", s.Largest}},
		{len(p.Handshakes) > 0, Fact{"handshakes", s.Handshakes}},
	} {
		if f.relied {
			facts = append(facts, f.Fact)
		}
	}
	return facts
}
