package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/api/auth"
	"originwarden/api/client"
)

// limited answers the first calls with 429 and each its Retry-After, and the
// others with a page.
type limited struct {
	retryAfter []string
	requests   int
}

func (l *limited) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	l.requests++
	if l.requests > len(l.retryAfter) {
		answering(200, `{"data":[]}`)(w, nil)
		return
	}
	answering(429, `{"errors":[{"code":"HTTP-429","title":"API rate limit reached.","status":"429"}],"traceId":"t"}`, "Retry-After", l.retryAfter[l.requests-1])(w, nil)
}

func TestClient_WaitsForTheRateLimit(t *testing.T) {
	for _, row := range []struct {
		rule       string
		retryAfter []string
		patience   time.Duration
		waits      []time.Duration
		fails      bool
	}{
		{"as long as it is told", []string{"7"}, 0, []time.Duration{7 * time.Second}, false},
		{"a minute by default", []string{"60"}, 0, []time.Duration{time.Minute}, false},
		{"not more than a minute by default", []string{"61"}, 0, nil, true},
		{"again", []string{"1", "2", "3", "4"}, 0, []time.Duration{1e9, 2e9, 3e9, 4e9}, false},
		{"not more often than five requests", []string{"1", "1", "1", "1", "1"}, 0, []time.Duration{1e9, 1e9, 1e9, 1e9}, true},
		{"not longer over all", []string{"6", "5"}, 10 * time.Second, []time.Duration{6e9}, true},
		{"as long as it may", []string{"6", "4"}, 10 * time.Second, []time.Duration{6e9, 4e9}, false},
		{"not at all when it may not", []string{"1"}, -1, nil, true},
		{"a second when it may ask at once", []string{"0"}, 0, []time.Duration{time.Second}, false},
		{"until a date", []string{"Sat, 01 Jan 2000 00:00:09 GMT"}, 0, []time.Duration{9 * time.Second}, false},
		{"a second after a date that is over", []string{"Fri, 31 Dec 1999 23:59:59 GMT"}, 0, []time.Duration{time.Second}, false},
		{"not without being told how long", []string{""}, 0, nil, true},
		{"not for what is no time", []string{"-1"}, 0, nil, true},
		{"not for a fraction", []string{"1.5"}, 0, nil, true},
		{"not for ever", []string{"99999999999999999999"}, 1<<63 - 1, nil, true},
	} {
		synctest.Test(t, func(t *testing.T) { // whose clock begins with the year 2000
			server := &limited{retryAfter: row.retryAfter}
			c := inMemory(server)
			var waits []time.Duration
			c.MaxWait, c.OnWait = row.patience, func(d time.Duration) { waits = append(waits, d) }
			began, sum := time.Now(), time.Duration(0)
			_, err := c.Page(t.Context(), client.ListOptions{})
			if errors.Is(err, client.ErrRateLimited) != row.fails || !row.fails && err != nil || !slices.Equal(waits, row.waits) {
				t.Errorf("%s: waits %v, then %v", row.rule, waits, err)
			}
			for _, d := range waits {
				sum += d
			}
			if took := time.Since(began); took != sum || server.requests != len(waits)+1 {
				t.Errorf("%s: took %v for %d requests", row.rule, took, server.requests)
			}
		})
	}
}

func TestClient_WaitsAndSendsTheSameAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		c := inMemory(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			sent = append(sent, r.Method+" "+r.Header.Get("If-Match")+" "+string(body))
			if len(sent) < 3 {
				answering(429, "", "Retry-After", "9")(w, r)
				return
			}
			w.WriteHeader(204)
		}))
		_, err := c.Patch(t.Context(), "x", []client.Operation{client.ReplaceName("n")}, `"7"`)
		const want = `PATCH "7" [{"op":"replace","path":"/name","value":"n"}]`
		if err != nil || !slices.Equal(sent, []string{want, want, want}) {
			t.Errorf("sent %q, then %v", sent, err)
		}
	})
}

func TestClient_IsToldOfTheRateLimitByTheRealAPI(t *testing.T) {
	handler, s, err := openAPI(t.TempDir(), auth.RateLimits{Tier2: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := newClient(t, handler)
	c.MaxWait = -1
	for range 2 {
		if _, err := c.Create(t.Context(), "n", nil); err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.Create(t.Context(), "n", nil)
	refused, ok := errors.AsType[*client.Error](err)
	if !ok || !errors.Is(err, client.ErrRateLimited) || refused.Errors[0].Code != "HTTP-429" || refused.RetryAfter < time.Second || refused.RetryAfter > 30*time.Second {
		t.Errorf("%v, after %v", err, refused.RetryAfter)
	}
	if got := idsOf(t, c, client.ListOptions{}); len(got) != 2 {
		t.Errorf("there are %d", len(got))
	}
}

func TestClient_WaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(&limited{retryAfter: []string{"30"}})
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := c.Page(ctx, client.ListOptions{}); !errors.Is(err, client.ErrRateLimited) || time.Since(began) != 0 {
			t.Errorf("a deadline before the end of the wait: %v after %v", err, time.Since(began))
		}
		c = inMemory(&limited{retryAfter: []string{"30"}})
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, cancel)
		if _, err := c.Page(ctx, client.ListOptions{}); !errors.Is(err, context.Canceled) || time.Since(began) != 10*time.Second {
			t.Errorf("cancelled while it waits: %v after %v", err, time.Since(began))
		}
	})
}
