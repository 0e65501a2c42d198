package proxy_test

import (
	"strings"
	"testing"

	"originwarden/origins"
	"originwarden/proxy"
)

func TestGateway_ReportsFamilyOfRefusedUserAgent(t *testing.T) {
	const browser = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
	for _, lane := range []string{"fast", "reference"} {
		h := newHarness(t, options{lane: lane})
		for _, row := range []struct {
			family string
			lines  []string
		}{
			{"none", nil},
			{"none", []string{"User-Agent:"}},
			{"chrome", []string{browser + "Chrome/140.0.0.0 Safari/537.36"}},
			{"chrome", []string{strings.ToLower("User-Agent") + browser[len("User-Agent"):] + "CriOS/140.0 Mobile/15E148 Safari/604.1"}},
			{"edge", []string{browser + "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"}},
			{"edge", []string{browser + "Chrome/140.0.0.0 Mobile Safari/537.36 EdgA/140.0.0.0"}},
			{"opera", []string{browser + "Chrome/140.0.0.0 Safari/537.36 OPR/124.0.0.0"}},
			{"electron", []string{browser + "app/1.0 Chrome/140.0.0.0 Electron/38.0.0 Safari/537.36"}},
			{"safari", []string{browser + "Version/26.0 Safari/605.1.15"}},
			{"firefox", []string{"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"}},
			{"firefox", []string{browser + "FxiOS/143.0 Mobile/15E148 Safari/605.1.15"}},
			{"other", []string{"User-Agent: Mozilla/5.0 (compatible; Bot/1.0)"}},
			{"other", []string{"User-Agent: my Chrome/1"}},
			{"other", []string{"User-Agent: Mozilla/5.0" + strings.Repeat("x", 1000) + " Firefox/1"}},
			{"curl", []string{"User-Agent: curl/8.5.0"}},
			{"node", []string{"User-Agent: node"}},
			{"python", []string{"User-Agent: python-requests/2.32"}},
			{"go", []string{"User-Agent: Go-http-client/1.1"}},
			{"java", []string{"User-Agent: okhttp/5.0"}},
			{"curl", []string{"User-Agent: curl/8.5.0", "User-Agent: node"}},
		} {
			h.send(request("GET /", append(row.lines, "Origin: "+unlisted)...))
			if x := h.nextExchange(); x.Agent != row.family {
				t.Errorf("%s lane, %q: family %q, want %q", lane, row.lines, x.Agent, row.family)
			}
		}
		h.send(request("GET /", "User-Agent: curl/8.5.0", "Origin: "+listed))
		if x := h.nextExchange(); x.Agent != "" {
			t.Errorf("%s lane, allowed request: family %q, want none", lane, x.Agent)
		}
	}
}

// What enforce would refuse is reported in every mode, by both lanes.
func TestGateway_ReportsWouldBeRefusalsInEveryMode(t *testing.T) {
	for _, lane := range []string{"fast", "reference"} {
		for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Headers, proxy.Report} {
			h := newHarness(t, options{mode: mode, lane: lane})
			for kind, head := range map[origins.Kind]string{
				origins.Actual:    request("PUT /thing", "User-Agent: node", "Origin: "+unlisted, "Content-Length: 0"),
				origins.Preflight: request("OPTIONS /thing", "User-Agent: node", "Origin: "+unlisted, "Access-Control-Request-Method: PUT"),
				origins.WebSocket: handshake("/thing", "User-Agent: node", "Origin: "+unlisted),
			} {
				h.send(head)
				x := h.nextExchange()
				if x.Kind != kind || x.Verdict != origins.Refused || x.Decision != origins.OriginNotListed || x.Origin != unlisted || x.Path != "/thing" || x.Agent != "node" {
					t.Errorf("%s lane, mode %s: %v %v %v, %s %s, agent %q; want a refused %v", lane, mode, x.Kind, x.Verdict, x.Decision, x.Origin, x.Path, x.Agent, kind)
				}
			}
		}
	}
}
