package consoletest_test

import (
	"net/http"
	"testing"
)

const app = "https://app.example.com"

// From a refused request to one that works it takes two clicks after the sign-in.
func TestRefused_ListedInTwoClicks(t *testing.T) {
	for name, existing := range map[string]bool{"into an existing web integration": true, "into a new one": false} {
		t.Run(name, func(t *testing.T) {
			withAndWithoutScripts(t, func(t *testing.T, b *browser) {
				if existing {
					b.gateway.create(b.host, "production", "https://www.example.com")
				}
				if status := b.gateway.request(b.host, http.MethodGet, "/orders", app); status != http.StatusForbidden {
					t.Fatalf("status %d before", status)
				}
				b.signIn(b.administrator)
				b.click("nav a[href$='/refused']")
				b.wants(app, "origin_not_listed", "/orders")
				b.click("button[name=list][value='" + app + "']")
				if status := b.gateway.request(b.host, http.MethodGet, "/orders", app); status != http.StatusOK || b.clicks != 2 {
					t.Errorf("status %d after %d clicks", status, b.clicks)
				}
				if existing {
					b.wants(app+" is listed in production.", "No refused origin is waiting")
				} else {
					b.wants(app + " is listed in app.example.com.")
				}
			})
		})
	}
}

func TestRefused_FindsAndPages(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		for _, host := range []string{"a", "b", "c"} {
			for range 10 {
				b.gateway.request(b.host, http.MethodGet, "/", "https://"+host+".example.org")
			}
		}
		for i := range 30 {
			b.gateway.request(b.host, http.MethodGet, "/", "https://n"+string(rune('a'+i%26))+string(rune('a'+i/26))+".example.net")
		}
		b.signIn(b.administrator)
		b.openTenant("/refused?sort=count")
		b.wants("https://a.example.org", "10 ×")
		b.lacks("https://nad.example.net")
		b.click("a[rel=next]")
		b.lacks("https://a.example.org")
		b.enter("#q", "B.example.ORG")
		b.click("form.filters button")
		b.wants("https://b.example.org")
		b.lacks("https://a.example.org", "example.net")
	})
}

func TestAsk_ExplainsAndLists(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		b.gateway.create(b.host, "production", "http://app.example.com")
		b.signIn(b.administrator)
		b.click("nav a[href$='/ask']")
		b.enter("#origin", app)
		b.enter("#method", "PUT")
		b.enter("#path", "/orders/1?a=b")
		b.enter("#headers", "content-type")
		b.click("form.ask button")
		b.wants("Refused, by the preflight: origin_not_listed", "Nearest entry: http://app.example.com", "other scheme",
			"Origin lines", "Well formed", "List in force", "The gateway answers with 403", "curl -i -X OPTIONS", "Access-Control-Request-Method: PUT")
		b.click("form.into button")
		b.wants("is listed in production", "Allowed: listed", app+" in production", "The gateway answers with 204",
			"Access-Control-Allow-Headers: content-type", "The gateway forwards it to the tenant", "Access-Control-Allow-Origin: "+app)
		if status := b.gateway.request(b.host, http.MethodPut, "/orders/1", app); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	})
}

func TestAsk_SaysWhatIsWrongWithAQuestion(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		b.signIn(b.reader)
		b.openTenant("/ask?origin=https%3A%2F%2Fa.example&method=A+B&path=x&headers=%22")
		b.wants("does not begin with a slash", "is not a method", "is not the name of a header")
		b.lacks("Allowed", "Refused")
	})
}

func TestAsk_WebSocketAndWebIntegration(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		id := b.gateway.create(b.host, "production", app)
		other := b.gateway.create(b.host, "other", "https://other.example.com")
		b.signIn(b.reader)
		b.openTenant("/ask?origin=" + app + "&websocket=yes&path=/app/1&integration=" + id)
		b.wants("Allowed: listed", "WebSocket handshake", "only that one counts", "qlik-web-integration-id="+id)
		b.openTenant("/ask?origin=" + app + "&websocket=yes&path=/app/1&integration=" + other)
		b.wants("Refused: origin_not_in_web_integration", app+" in production")
	})
}

func TestReady_SaysWhatWouldBreak(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		b.signIn(operatorToken)
		b.open("/tenants/" + b.reporting().id + "/ready")
		b.wants("Not yet: there was no request to judge by")
		if status := b.gateway.request(b.reporting().host, http.MethodGet, "/orders", app); status != http.StatusOK {
			t.Fatalf("status %d in mode report", status)
		}
		b.open("/tenants/" + b.reporting().id + "/ready")
		b.wants("Not yet: decide about 1 origin", app)
		b.click("button[name=list]")
		b.wants("is listed in", "Not yet: wait for new origins")
		b.openTenant("")
		b.lacks("Ready to enforce")
	})
}

func TestReader_ChangesNothing(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		b.gateway.create(b.host, "production", "https://www.example.com")
		b.gateway.request(b.host, http.MethodGet, "/", app)
		b.signIn(b.reader)
		b.lacks("Refused origins", "Create")
		b.openTenant("/refused")
		b.wants("read-only")
		b.openTenant("/ask?origin=" + app)
		b.wants("Refused: origin_not_listed")
		b.lacks("List it")
		b.open("/tenants/other")
		b.wants("not for this tenant")
	})
}
