package recipes_test

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
)

// A forecast describes the request for it.
type forecast struct{ Host, ServerName, URL, ForwardedHost string }

// A provider is a hosted API on TLS, with a certificate of its own authority.
type provider struct {
	name      string // with its port
	authority authority
	requests  atomic.Int64
}

// startProvider starts a provider whose name is localhost, so that the gateway finds it.
func startProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{authority: newAuthority(t)}
	server := httptest.NewUnstartedServer(p)
	pair, _, _ := p.authority.issue(t, "localhost")
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	p.name = "localhost:" + port
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
	w.Header().Set("Access-Control-Allow-Origin", "*")
	json.NewEncoder(w).Encode(forecast{r.Host, r.TLS.ServerName, r.URL.String(), r.Header.Get("X-Forwarded-Host")})
}

const hostedHeading = "A hosted API"

func TestHosted_ServesOnlyListedPages(t *testing.T) {
	recipe, provider := readRecipe(t, hostedHeading), startProvider(t)
	config := replaceOnce(t, recipe.config, "api.provider.example", provider.name)
	g := startGateway(t, config, "127.0.0.1:0", map[string][]byte{"provider-ca.pem": provider.authority.file()})
	pages := startPages(t, bundleScript(t, recipe.script, "hosted-page.js", nil), nil)
	browser := startBrowser(t, "MAP weather.example.com "+g.address, "MAP *.example.com "+pages)

	type seen struct {
		Status   int
		Forecast forecast
		Error    string
	}
	if got, want := runPage[seen](t, browser, listed), (seen{
		Status: 200, Forecast: forecast{provider.name, "localhost", "/v2/forecast?city=Oslo", "weather.example.com"},
	}); !reflect.DeepEqual(got, want) {
		t.Errorf("listed page: %+v, want %+v", got, want)
	}
	before := provider.requests.Load()
	if got, want := runPage[seen](t, browser, unlisted), (seen{Error: "TypeError: Failed to fetch"}); !reflect.DeepEqual(got, want) {
		t.Errorf("unlisted page: %+v, want %+v", got, want)
	}
	if n := provider.requests.Load() - before; n != 0 {
		t.Errorf("the provider got %d requests of the unlisted page", n)
	}
	g.checkExamples(t, recipe.examples)
}

func TestHosted_SendsNothingToAnotherServer(t *testing.T) {
	recipe, provider := readRecipe(t, hostedHeading), startProvider(t)
	_, port, _ := strings.Cut(provider.name, ":")
	for name, row := range map[string]struct {
		upstream  string
		authority authority
	}{
		"another authority": {provider.name, newAuthority(t)},
		"another name":      {"127.0.0.1:" + port, provider.authority},
	} {
		config := replaceOnce(t, recipe.config, "api.provider.example", row.upstream)
		g := startGateway(t, config, "127.0.0.1:0", map[string][]byte{"provider-ca.pem": row.authority.file()})
		g.checkExamples(t, []example{{`curl -s -o /dev/null -w '%{http_code}' https://weather.example.com/forecast`, "502"}})
		if n := provider.requests.Load(); n != 0 {
			t.Errorf("%s: the provider got %d requests", name, n)
		}
	}
}
