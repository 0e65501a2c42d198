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

// rateLimitedServer responds to the first requests with 429 and these values of
// Retry-After, and to the others with a page.
type rateLimitedServer struct {
	retryAfter []string
	requests   int
}

func (s *rateLimitedServer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.requests++
	if s.requests > len(s.retryAfter) {
		respondWith(200, `{"data":[]}`)(w, nil)
		return
	}
	respondWith(429, `{"errors":[{"code":"HTTP-429","title":"API rate limit reached.","status":"429"}],"traceId":"t"}`, "Retry-After", s.retryAfter[s.requests-1])(w, nil)
}

func TestClient_WaitsForRetryAfter(t *testing.T) {
	for _, row := range []struct {
		rule       string
		retryAfter []string
		maxWait    time.Duration
		waits      []time.Duration
		fails      bool
	}{
		{"seconds", []string{"7"}, 0, []time.Duration{7 * time.Second}, false},
		{"default maximum of one minute", []string{"60"}, 0, []time.Duration{time.Minute}, false},
		{"over the default maximum", []string{"61"}, 0, nil, true},
		{"several times", []string{"1", "2", "3", "4"}, 0, []time.Duration{1e9, 2e9, 3e9, 4e9}, false},
		{"at most five requests", []string{"1", "1", "1", "1", "1"}, 0, []time.Duration{1e9, 1e9, 1e9, 1e9}, true},
		{"over the maximum in total", []string{"6", "5"}, 10 * time.Second, []time.Duration{6e9}, true},
		{"exactly the maximum in total", []string{"6", "4"}, 10 * time.Second, []time.Duration{6e9, 4e9}, false},
		{"negative maximum", []string{"1"}, -1, nil, true},
		{"zero seconds", []string{"0"}, 0, []time.Duration{time.Second}, false},
		{"date", []string{"Sat, 01 Jan 2000 00:00:09 GMT"}, 0, []time.Duration{9 * time.Second}, false},
		{"date in the past", []string{"Fri, 31 Dec 1999 23:59:59 GMT"}, 0, []time.Duration{time.Second}, false},
		{"no Retry-After", []string{""}, 0, nil, true},
		{"negative seconds", []string{"-1"}, 0, nil, true},
		{"fraction", []string{"1.5"}, 0, nil, true},
		{"overflow", []string{"99999999999999999999"}, 1<<63 - 1, nil, true},
	} {
		synctest.Test(t, func(t *testing.T) { // the clock of the bubble starts in the year 2000
			server := &rateLimitedServer{retryAfter: row.retryAfter}
			c := newInMemoryClient(server)
			var waits []time.Duration
			c.MaxWait, c.OnWait = row.maxWait, func(d time.Duration) { waits = append(waits, d) }
			began, sum := time.Now(), time.Duration(0)
			_, err := c.Page(t.Context(), client.ListOptions{})
			if errors.Is(err, client.ErrRateLimited) != row.fails || !row.fails && err != nil || !slices.Equal(waits, row.waits) {
				t.Errorf("%s: waits %v, error %v, want waits %v", row.rule, waits, err, row.waits)
			}
			for _, d := range waits {
				sum += d
			}
			if took := time.Since(began); took != sum || server.requests != len(waits)+1 {
				t.Errorf("%s: %v for %d requests, want %v for %d", row.rule, took, server.requests, sum, len(waits)+1)
			}
		})
	}
}

func TestClient_RepeatsSameRequestAfterWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		c := newInMemoryClient(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			sent = append(sent, r.Method+" "+r.Header.Get("If-Match")+" "+string(body))
			if len(sent) < 3 {
				respondWith(429, "", "Retry-After", "9")(w, r)
				return
			}
			w.WriteHeader(204)
		}))
		_, err := c.Patch(t.Context(), "x", []client.Operation{client.ReplaceName("n")}, `"7"`)
		const want = `PATCH "7" [{"op":"replace","path":"/name","value":"n"}]`
		if err != nil || !slices.Equal(sent, []string{want, want, want}) {
			t.Errorf("sent %q, error %v, want %q three times", sent, err, want)
		}
	})
}

func TestClient_ReportsRateLimitOfAPI(t *testing.T) {
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
		t.Errorf("error %v with Retry-After %v, want HTTP-429 with 1 to 30 s", err, refused.RetryAfter)
	}
	if got := listIDs(t, c, client.ListOptions{}); len(got) != 2 {
		t.Errorf("%d web integrations, want 2", len(got))
	}
}

func TestClient_StopsWaitWhenContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newInMemoryClient(&rateLimitedServer{retryAfter: []string{"30"}})
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := c.Page(ctx, client.ListOptions{}); !errors.Is(err, client.ErrRateLimited) || time.Since(began) != 0 {
			t.Errorf("deadline before the end of the wait: error %v after %v, want ErrRateLimited at once", err, time.Since(began))
		}
		c = newInMemoryClient(&rateLimitedServer{retryAfter: []string{"30"}})
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, cancel)
		if _, err := c.Page(ctx, client.ListOptions{}); !errors.Is(err, context.Canceled) || time.Since(began) != 10*time.Second {
			t.Errorf("canceled during the wait: error %v after %v, want context.Canceled after 10 s", err, time.Since(began))
		}
	})
}
