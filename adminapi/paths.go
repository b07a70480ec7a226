package adminapi

import "net/url"

// Prefix begins the paths of the admin API. The others stand behind it.
const Prefix = "/webhook_gateway"

// Paths of the operations. Those of [Bulk] are / and their name, such as /purge.
const (
	PathStatus     = "/status"
	PathHealth     = "/health"
	PathEndpoints  = "/endpoints"
	PathMessages   = "/messages"
	PathDeliveries = "/deliveries"
	PathPause      = "/pause"
	PathResume     = "/resume"
	PathProbe      = "/probe"
	PathCount      = "/count"
	PathKeys       = "/keys"
	PathTail       = "/tail"
	PathListen     = "/listen"
	PathAbout      = "/listen/about"
	PathRefused    = "/refused"
	PathOpenAPI    = "/openapi.json"
)

// PathOfEndpoint is the path of one endpoint. Its name is escaped.
func PathOfEndpoint(name string) string { return PathEndpoints + "/" + url.PathEscape(name) }

// PathOfTest is the path of an endpoint's test event.
func PathOfTest(name string) string { return PathOfEndpoint(name) + "/test" }

// PathOfRefused is the path of one refused request, by its ID.
func PathOfRefused(id string) string { return PathRefused + "/" + url.PathEscape(id) }

// PathOfMessage is the path of one message, by its ID.
func PathOfMessage(id string) string { return PathMessages + "/" + url.PathEscape(id) }
