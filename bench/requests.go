package main

import (
	"net/http"
	"slices"
	"strings"

	"originwarden/bench/load"
	"originwarden/bench/peers"
)

func browserHeader(origin string) []string {
	return []string{"Origin: " + origin, "Accept: application/json", "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"}
}

func get(path string, size int) load.Request {
	return load.Request{
		Method: http.MethodGet, Path: path, Header: browserHeader(peers.ListedOrigin(3)), Status: http.StatusOK, Size: size, ShowsOrigin: true,
	}
}

func post() load.Request {
	r := get("/", peers.SmallBody)
	r.Method, r.Body = http.MethodPost, strings.Repeat("x", 4<<10)
	r.Header = append(r.Header, "Content-Type: application/json")
	return r
}

func refused() load.Request {
	return load.Request{
		Method: http.MethodGet, Path: "/", Header: browserHeader(peers.RefusedOrigin), Status: http.StatusForbidden, Size: -1,
	}
}

// preflight returns a preflight of a listed origin.
func preflight(origin int) load.Request {
	header := slices.Concat(browserHeader(peers.ListedOrigin(origin)),
		[]string{"Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: content-type,qlik-csrf-token"})
	return load.Request{Method: http.MethodOptions, Path: "/", Header: header, Status: http.StatusNoContent, ShowsOrigin: true}
}

func apiList() load.Request {
	return load.Request{
		Method: http.MethodGet, Path: "/api/v1/web-integrations?limit=50", Header: []string{"Accept: application/json"},
		Status: http.StatusOK, Size: -1, Text: `"validOrigins"`, TextCount: 50,
	}
}

func events() load.Request {
	return load.Request{
		Method: http.MethodGet, Path: "/events", Header: []string{"Origin: " + peers.ListedOrigin(3), "Accept: text/event-stream"},
		Status: http.StatusOK, Size: -1, ShowsOrigin: true,
	}
}

// webSocket returns a handshake. Browsers need no CORS header in its response.
func webSocket() load.Request {
	header := []string{
		"Origin: " + peers.ListedOrigin(3), "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}
	return load.Request{Method: http.MethodGet, Path: "/socket", Header: header, Status: http.StatusSwitchingProtocols}
}
