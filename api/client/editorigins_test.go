package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/api/client"
)

// asOlder returns the API as older versions and other servers have it: valid origins
// can only be replaced.
func asOlder(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/valid-origins") {
			http.NotFound(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

func TestEditOrigins_ComparesCanonicalForms(t *testing.T) {
	handler, _ := newAPI(t)
	const a, b, c = "https://a.example", "https://b.example", "https://c.example"
	none := []string(nil)
	for _, row := range []struct {
		rule                      string
		before, add, remove       []string
		added, removed, unchanged []string
		after                     []string
	}{
		{"add one", []string{a}, []string{b}, none, []string{b}, none, none, []string{a, b}},
		{"add to an empty list", none, []string{a}, none, []string{a}, none, none, []string{a}},
		{"add what is listed", []string{a, b}, []string{a}, none, none, none, []string{a}, []string{a, b}},
		{"add another form of what is listed", []string{"HTTPS://A.example:443/"}, []string{a, b}, none, []string{b}, none, []string{a}, []string{"HTTPS://A.example:443/", b}},
		{"add one in two forms", none, []string{a, "https://A.EXAMPLE/"}, none, []string{a}, none, []string{"https://A.EXAMPLE/"}, []string{a}},
		{"add as it is written", none, []string{"https://Bücher.example/"}, none, []string{"https://Bücher.example/"}, none, none, []string{"https://Bücher.example/"}},
		{"add another port", []string{a}, []string{a + ":8443"}, none, []string{a + ":8443"}, none, none, []string{a, a + ":8443"}},
		{"remove one", []string{a, b}, none, []string{a}, none, []string{a}, none, []string{b}},
		{"remove the last", []string{a}, none, []string{a}, none, []string{a}, none, none},
		{"remove what is not listed", []string{a}, none, []string{b}, none, none, []string{b}, []string{a}},
		{"remove another form", []string{"HTTPS://A.example:443/", b}, none, []string{a}, none, []string{a}, none, []string{b}},
		{"remove all forms", []string{a, b, "https://A.example"}, none, []string{"https://a.example/"}, none, []string{"https://a.example/"}, none, []string{b}},
		{"remove some that are listed", []string{a, b}, none, []string{b, c}, none, []string{b}, []string{c}, []string{a}},
		{"remove what is no origin", []string{a}, none, []string{"a.example"}, none, none, []string{"a.example"}, []string{a}},
		{"remove and add", []string{a, b}, []string{c}, []string{a}, []string{c}, []string{a}, none, []string{b, c}},
		{"replace a form by another", []string{"HTTPS://a.example", b}, []string{a}, []string{a}, []string{a}, []string{a}, none, []string{b, a}},
		{"nothing", []string{a}, none, none, none, none, none, []string{a}},
	} {
		for server, at := range map[string]http.Handler{"originwarden": handler, "another server": asOlder(handler)} {
			c := newClient(t, at)
			w, err := c.Create(t.Context(), row.rule, row.before)
			if err != nil {
				t.Fatal(err)
			}
			made, err := c.EditOrigins(t.Context(), w.ID, row.add, row.remove)
			if err != nil || !slices.Equal(made.Added, row.added) || !slices.Equal(made.Removed, row.removed) || !slices.Equal(made.Unchanged, row.unchanged) {
				t.Errorf("%s, %s: %+v, %v; want %q added, %q removed, %q unchanged", row.rule, server, made, err, row.added, row.removed, row.unchanged)
			}
			after, err := c.Get(t.Context(), w.ID)
			if err != nil || !slices.Equal(after.ValidOrigins, row.after) || after.ETag != made.ETag {
				t.Errorf("%s, %s: the origins are %q with ETag %s, %v; want %q with %s", row.rule, server, after.ValidOrigins, after.ETag, err, row.after, made.ETag)
			}
			if wrote := after.ETag != w.ETag; wrote != (len(row.added)+len(row.removed) > 0) {
				t.Errorf("%s, %s: the ETag was %s and is %s: want a write only if something changes", row.rule, server, w.ETag, after.ETag)
			}
		}
	}
}

func TestEditOrigins_ReportsErrors(t *testing.T) {
	handler, _ := newAPI(t)
	c := newClient(t, handler)
	w, err := c.Create(t.Context(), "one", []string{"https://a.example"})
	if err != nil {
		t.Fatal(err)
	}
	reader, older := *c, newClient(t, asOlder(handler))
	reader.Token = readerToken
	withoutETag := newClient(t, asOlder(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(headerRemover{w}, r)
	})))
	weakly := newClient(t, asOlder(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(tagWeakener{w}, r)
	})))
	var requests atomic.Int64
	counting := newClient(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprintf("https://%d.example", i)
	}
	b := []string{"https://b.example"}
	unknown := func(err error) bool { return errors.Is(err, client.ErrNotFound) }
	invalid := func(err error) bool { return statusOf(err) == 400 }
	for _, row := range []struct {
		rule    string
		client  *client.Client
		id      string
		entries []string
		is      func(error) bool
	}{
		{"unknown id", c, "000000000000000000000000000000AA", b, unknown},
		{"unknown id at another server", older, "000000000000000000000000000000AA", b, unknown},
		{"invalid id", c, "a/../b", b, unknown},
		{"empty id", c, "", b, unknown},
		{"reader", &reader, w.ID, b, func(err error) bool { return errors.Is(err, client.ErrForbidden) }},
		{"server without ETags", withoutETag, w.ID, b, func(err error) bool { return errors.Is(err, client.ErrNoETag) }},
		{"server with weak ETags", weakly, w.ID, b, func(err error) bool { return errors.Is(err, client.ErrNoETag) }},
		{"invalid origin", counting, w.ID, []string{"https://b.example", "b.example\x1b"}, func(err error) bool {
			return errors.Is(err, client.ErrInvalidOrigin) && strings.Contains(err.Error(), `"b.example\x1b": the entry has`)
		}},
		{"pattern that is not permitted", c, w.ID, []string{"https://*.b.example"}, invalid},
		{"pattern that is not permitted at another server", older, w.ID, []string{"https://*.b.example"}, invalid},
		{"too many", c, w.ID, many, invalid},
		{"too many at another server", older, w.ID, many, invalid},
	} {
		if _, err := row.client.EditOrigins(t.Context(), row.id, row.entries, nil); !row.is(err) {
			t.Errorf("%s: error %v", row.rule, err)
		}
	}
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests for an invalid origin, want none", n)
	}
	if after, err := c.Get(t.Context(), w.ID); err != nil || after.ETag != w.ETag {
		t.Errorf("%+v, %v; want it unchanged", after, err)
	}
}

// headerRemover sends no ETag.
type headerRemover struct{ http.ResponseWriter }

func (r headerRemover) Write(p []byte) (int, error) {
	r.Header().Del("ETag")
	return r.ResponseWriter.Write(p)
}

func (r headerRemover) WriteHeader(status int) {
	r.Header().Del("ETag")
	r.ResponseWriter.WriteHeader(status)
}

// tagWeakener sends weak ETags, as proxies that compress do.
type tagWeakener struct{ http.ResponseWriter }

func (w tagWeakener) WriteHeader(status int) {
	if tag := w.Header().Get("ETag"); tag != "" {
		w.Header().Set("ETag", "W/"+tag)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Clients add an origin each, and remove another one, at the same time: a hundred, and
// fewer with If-Match, where each of their writes makes the others start again.
func TestEditOrigins_LosesNoConcurrentEdit(t *testing.T) {
	handler, _ := newAPI(t)
	loseNoConcurrentEdit(t, handler, 100)
	loseNoConcurrentEdit(t, asOlder(handler), 20)
}

func loseNoConcurrentEdit(t *testing.T, handler http.Handler, clients int) {
	var writes atomic.Int64
	server := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			writes.Add(1)
		}
		handler.ServeHTTP(w, r)
	}))
	old, added := make([]string, clients), make([]string, clients)
	for i := range clients {
		old[i], added[i] = fmt.Sprintf("https://old-%d.example", i), fmt.Sprintf("https://new-%d.example", i)
	}
	w, err := server.Create(t.Context(), "one", old)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	began := time.Now()
	for i := range clients {
		all.Go(func() {
			c := *server
			c.HTTPClient = &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
			defer c.HTTPClient.CloseIdleConnections()
			if _, err := c.EditOrigins(t.Context(), w.ID, added[i:i+1], nil); err != nil {
				t.Errorf("adding %s: %v", added[i], err)
			}
			if _, err := c.EditOrigins(t.Context(), w.ID, nil, []string{strings.ToUpper(old[i])}); err != nil {
				t.Errorf("removing %s: %v", old[i], err)
			}
		})
	}
	all.Wait()
	after, err := server.Get(t.Context(), w.ID)
	slices.Sort(added)
	slices.Sort(after.ValidOrigins)
	if err != nil || !slices.Equal(after.ValidOrigins, added) {
		t.Errorf("%d origins, %v; want the %d that were added", len(after.ValidOrigins), err, clients)
	}
	t.Logf("%d edits took %d requests to write and %v", 2*clients, writes.Load(), time.Since(began))
}

func TestEditOrigins_EndsWhenConflictsDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writes := 0
		c := newInMemoryClient(asOlder(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPatch {
				writes++
				w.WriteHeader(http.StatusPreconditionFailed)
				return
			}
			w.Header().Set("ETag", `"1"`)
			w.Write([]byte(`{"id":"x","validOrigins":[]}`))
		})))
		began := time.Now()
		if _, err := c.EditOrigins(t.Context(), "x", []string{"https://a.example"}, nil); !errors.Is(err, client.ErrPreconditionFailed) || writes != 101 {
			t.Errorf("after %d writes: error %v, want ErrPreconditionFailed after 101", writes, err)
		}
		if took := time.Since(began); took < time.Minute || took > 800*time.Second {
			t.Errorf("it took %v, want pauses of up to eight seconds", took)
		}
	})
}

// After a wait for the rate limit, what was read before is outdated.
func TestEditOrigins_ReadsAgainAfterRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests []string
		etag := 1
		c := newInMemoryClient(asOlder(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests = append(requests, r.Method+r.Header.Get("If-Match"))
			switch {
			case r.Method == http.MethodGet:
				w.Header().Set("ETag", fmt.Sprintf(`"%d"`, etag))
				w.Write([]byte(`{"id":"x","validOrigins":[]}`))
			case etag < 3:
				etag++
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(http.StatusTooManyRequests)
			default:
				w.WriteHeader(http.StatusNoContent)
			}
		})))
		var waits []time.Duration
		c.OnWait = func(d time.Duration) { waits = append(waits, d) }
		_, err := c.EditOrigins(t.Context(), "x", []string{"https://a.example"}, nil)
		if got, want := strings.Join(requests, " "), `GET PATCH"1" GET PATCH"2" GET PATCH"3"`; err != nil || got != want {
			t.Errorf("requests %s, error %v; want %s", got, err, want)
		}
		if !slices.Equal(waits, []time.Duration{7 * time.Second, 7 * time.Second}) {
			t.Errorf("waits %v, want 7s twice", waits)
		}
		etag, c.MaxWait = 1, 10*time.Second
		if _, err := c.EditOrigins(t.Context(), "x", []string{"https://a.example"}, nil); !errors.Is(err, client.ErrRateLimited) {
			t.Errorf("error %v, want ErrRateLimited when the waits exceed MaxWait", err)
		}
	})
}
