package queue

import "strings"

// Destination is where deliveries go: a forward of an endpoint. Neither name contains a
// slash. The zero Destination is none.
type Destination struct {
	Endpoint string
	// Forward is empty for the only forward of an endpoint, and for messages that
	// matched no forward.
	Forward string
}

// String returns "endpoint/forward", or the endpoint alone where the forward has no name.
func (d Destination) String() string {
	if d.Forward == "" {
		return d.Endpoint
	}
	return d.Endpoint + "/" + d.Forward
}

// ParseDestination is the reverse of [Destination.String].
func ParseDestination(s string) Destination {
	endpoint, forward, _ := strings.Cut(s, "/")
	return Destination{Endpoint: endpoint, Forward: forward}
}

// Compare orders destinations by endpoint and forward, for slices.SortFunc.
func (d Destination) Compare(other Destination) int {
	return strings.Compare(d.String(), other.String())
}
