package adminapi

import "net/url"

// Prefix begins the paths of the admin API. The others stand behind it.
const Prefix = "/webhook_gateway"

// Paths of the operations. Those of [Bulk] are / and their name, such as /purge.
const (
	PathStatus     = "/status"
	PathEndpoints  = "/endpoints"
	PathMessages   = "/messages"
	PathDeliveries = "/deliveries"
	PathPause      = "/pause"
	PathResume     = "/resume"
	PathCount      = "/count"
	PathKeys       = "/keys"
	PathTail       = "/tail"
	PathOpenAPI    = "/openapi.json"
)

// PathOfEndpoint is the path of one endpoint. Its name is escaped.
func PathOfEndpoint(name string) string { return PathEndpoints + "/" + url.PathEscape(name) }

// PathOfMessage is the path of one message, by its ID.
func PathOfMessage(id string) string { return PathMessages + "/" + url.PathEscape(id) }
