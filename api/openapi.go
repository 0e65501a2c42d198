package api

import _ "embed"

//go:embed openapi.yaml
var openAPI string

// OpenAPI returns the API's contract, an OpenAPI 3.0.3 document in YAML.
func OpenAPI() []byte { return []byte(openAPI) }
