package session_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/api/auth"
	"originwarden/console/session"
)

// identities returns n identities.
func identities(t *testing.T, n int) (all []auth.Identity) {
	t.Helper()
	var tokens []auth.Token
	for i := range n {
		tokens = append(tokens, auth.Token{Subject: fmt.Sprint(i), Tenant: "*", SHA256: sha256.Sum256([]byte(fmt.Sprint("token-", i)))})
	}
	a := auth.New(auth.Settings{Tokens: tokens}, nil)
	for i := range n {
		identity, _, err := a.Identify(&http.Request{Header: http.Header{"Authorization": {fmt.Sprint("Bearer token-", i)}}})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, identity)
	}
	return all
}

func TestSession_Ends(t *testing.T) {
	for _, row := range []struct {
		rule  string
		every time.Duration // between its requests
		until time.Duration
		found bool
	}{
		{"used all the time", time.Minute, 11 * time.Hour, true},
		{"used at last before the idle end", session.Idle - 1, session.Idle - 1, true},
		{"unused until the idle end", session.Idle, session.Idle, false},
		{"used until the absolute end", 10 * time.Minute, session.Lifetime, false},
	} {
		t.Run(row.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, who := session.New(), identities(t, 1)[0]
				name := s.Begin(who)
				found := true
				for waited := time.Duration(0); waited < row.until; waited += row.every {
					time.Sleep(row.every)
					var got auth.Identity
					if got, found = s.Find(name); found && got != who {
						t.Fatal("found another identity")
					}
				}
				if found != row.found {
					t.Errorf("found %t, want %t", found, row.found)
				}
			})
		})
	}
}

func TestSessions_AreBounded(t *testing.T) {
	s, all := session.New(), identities(t, 300)
	first := s.Begin(all[0])
	var own []string
	for range 100 {
		own = append(own, s.Begin(all[1]))
	}
	if _, found := s.Find(first); !found {
		t.Error("the sessions of one identity have ended that of another one")
	}
	if _, found := s.Find(own[0]); found {
		t.Error("the oldest of 100 sessions of one identity is left")
	}
	if _, found := s.Find(own[99]); !found {
		t.Error("the newest session has ended")
	}
	names := map[string]bool{}
	for _, who := range all {
		for range 16 {
			names[s.Begin(who)] = true
		}
	}
	left := 0
	for name := range names {
		if _, found := s.Find(name); found {
			left++
		}
	}
	if len(names) != 4800 || left != 4096 {
		t.Errorf("%d sessions of %d are left, want 4096 of 4800", left, len(names))
	}
}

func TestSession_EndsOnce(t *testing.T) {
	s, who := session.New(), identities(t, 1)[0]
	name := s.Begin(who)
	s.End(name)
	s.End(name)
	s.End("none")
	if _, found := s.Find(name); found {
		t.Error("it was found after its end")
	}
}

func TestLinks_AreBounded(t *testing.T) {
	var l session.Links
	key := l.Make("token")
	for l.Make("other") != "" {
	}
	if token, ok := l.Take(key); !ok || token != "token" {
		t.Errorf("got %q, %t", token, ok)
	}
	if _, ok := l.Take(key); ok {
		t.Error("the link was valid twice")
	}
	if _, ok := l.Take(""); ok {
		t.Error("the empty key is that of a link")
	}
}
