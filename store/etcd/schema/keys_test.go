package schema_test

import (
	"strings"
	"testing"

	"originwarden/store/etcd/schema"
)

func TestKeys_StartWithPrefix(t *testing.T) {
	for prefix, want := range map[string]string{
		"": "/originwarden/", "/": "/originwarden/", "a": "/a/", "/a": "/a/", "a/": "/a/", "//a/b//": "/a/b/",
	} {
		if got := string(schema.NewKeys(prefix)); got != want {
			t.Errorf("NewKeys(%q) = %q, want %q", prefix, got, want)
		}
	}
	keys := schema.NewKeys("p")
	for got, want := range map[string]string{
		keys.Tenant("a/b"):                       "/p/t/a%2Fb",
		keys.Tenant(""):                          "/p/t/",
		keys.Integration("", "x"):                "/p/i//x",
		keys.Integration("..", "../x"):           "/p/i/../../x", // keys are not paths
		keys.Name("a", false, "n\x00ame", "id"):  "/p/a/a/n\x00\xffame\x00\x01id\x00\x01",
		keys.Name("a\x00", true, "\x00", "\xff"): "/p/d/a%00/\xff\x00\xff\xfe\x00\xff\xfe",
	} {
		if got != want {
			t.Errorf("key %q, want %q", got, want)
		}
	}
}

func TestKeys_RefuseInvalidKeys(t *testing.T) {
	keys := schema.NewKeys("p")
	for _, key := range []string{"", "/p/t/a/b", "/p/t/%", "/p/t/%2f", "/p/t/a b", "/p/i/a/b", "/o/t/a", "p/t/a", "/p/t"} {
		if tenant, ok := keys.ParseTenant(key); ok {
			t.Errorf("%q is parsed as tenant %q, want an error", key, tenant)
		}
	}
	for _, key := range []string{"", "/p/i/a", "/p/i/%/x", "/p/i/%2f/x", "/p/i/a b/x", "/p/t/a/x", "/p/i"} {
		if tenant, id, ok := keys.ParseIntegration(key); ok {
			t.Errorf("%q is parsed as id %q of tenant %q, want an error", key, id, tenant)
		}
	}
}

func FuzzKeys_IsolateTenants(f *testing.F) {
	f.Add("a", "b", "id")
	f.Add("a", "a/", "/id")
	f.Add("", "/", "\x00")
	f.Add("a%2Fb", "a/b", "..")
	f.Add("\xff", "\xff\x00", "")
	keys := schema.NewKeys("p")
	f.Fuzz(func(t *testing.T, one, other, id string) {
		if tenant, ok := keys.ParseTenant(keys.Tenant(one)); !ok || tenant != one {
			t.Errorf("tenant %q is parsed as %q, %t", one, tenant, ok)
		}
		if tenant, got, ok := keys.ParseIntegration(keys.Integration(one, id)); !ok || tenant != one || got != id {
			t.Errorf("id %q of tenant %q is parsed as %q of %q, %t", id, one, got, tenant, ok)
		}
		if one == other {
			return
		}
		for _, k := range []struct{ key, within string }{
			{keys.Integration(one, id), keys.Integrations(other)},
			{keys.Name(one, false, id, id), keys.Names(other, false)},
			{keys.Name(one, true, id, id), keys.Names(other, true)},
		} {
			if strings.HasPrefix(k.key, k.within) {
				t.Errorf("key %q of tenant %q has the prefix %q of tenant %q", k.key, one, k.within, other)
			}
		}
		if keys.Tenant(one) == keys.Tenant(other) {
			t.Errorf("tenants %q and %q have the same key", one, other)
		}
	})
}

func FuzzKeys_SortByName(f *testing.F) {
	keys := schema.NewKeys("p")
	f.Add("a", "1", "b", "0")
	f.Add("a", "1", "a\x00", "0")
	f.Add("a", "1", "a", "11")
	f.Add("", "\x00\x01", "\x00\x01", "")
	f.Add("\x00\xff", "", "\x00", "\xff")
	f.Fuzz(func(t *testing.T, name, id, otherName, otherID string) {
		want := strings.Compare(name, otherName)
		if want == 0 {
			want = strings.Compare(id, otherID)
		}
		up, otherUp := keys.Name("a", false, name, id), keys.Name("a", false, otherName, otherID)
		down, otherDown := keys.Name("a", true, name, id), keys.Name("a", true, otherName, otherID)
		if got, reverse := strings.Compare(up, otherUp), strings.Compare(down, otherDown); got != want || reverse != -want {
			t.Errorf("comparing the keys of %q %q and %q %q: %d, descending %d; want %d", name, id, otherName, otherID, got, reverse, want)
		}
		if want != 0 && (strings.HasPrefix(up, otherUp) || strings.HasPrefix(down, otherDown)) {
			t.Errorf("the key of %q %q starts with that of %q %q", name, id, otherName, otherID)
		}
	})
}
