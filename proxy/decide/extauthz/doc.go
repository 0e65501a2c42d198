// Package extauthz answers Envoy over gRPC: the service
// envoy.service.auth.v3.Authorization, which Envoy's filter ext_authz asks about each
// request, and the health service of gRPC. It decides nothing itself. What is not a
// whole question is denied, and never an OK.
package extauthz
