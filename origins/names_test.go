package origins_test

import (
	"strings"
	"testing"

	"originwarden/origins"
)

func TestIsTenantID(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "0": true, "Acme-eu_1.b": true, strings.Repeat("a", 64): true,
		"": false, strings.Repeat("a", 65): false, "-a": false, ".a": false, "_a": false,
		"a b": false, "a/b": false, "a:b": false, "*": false, "bücher": false, "a\n": false,
	} {
		if got := origins.IsTenantID(id); got != want {
			t.Errorf("%q: %v, want %v", id, got, want)
		}
	}
}

func TestIsSubject(t *testing.T) {
	for subject, want := range map[string]bool{
		"ops": true, "auth0|5f7 c8": true, strings.Repeat("ü", 256): true,
		"": false, strings.Repeat("ü", 257): false, "a\nb": false, "a\x7f": false, "a\u0085": false, "a\xff": false,
	} {
		if got := origins.IsSubject(subject); got != want {
			t.Errorf("%q: %v, want %v", subject, got, want)
		}
	}
}

func TestIsLoopbackName(t *testing.T) {
	for name, want := range map[string]bool{
		"localhost": true, "app.localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example": false, "notlocalhost": false, "0.0.0.0": false, "192.0.2.7": false, "::2": false, "127.1": false,
	} {
		if got := origins.IsLoopbackName(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestIsSecureURL(t *testing.T) {
	for location, want := range map[string]bool{
		"https://id.example/keys": true, "http://localhost:8080": true, "http://127.0.0.1/": true, "http://[::1]:8080": true,
		"": false, "http://id.example": false, "http://192.0.2.7": false, "http://localhost.example": false, "ftp://localhost": false, "id.example": false, "https://%": false,
	} {
		if got := origins.IsSecureURL(location); got != want {
			t.Errorf("%q: %v, want %v", location, got, want)
		}
	}
}
