package origins_test

import (
	"fmt"
	"testing"

	"originwarden/origins"
)

func TestList_Nearest(t *testing.T) {
	list := origins.NewList(1, []origins.Part{
		{ID: "one", Origins: []string{"https://app.example.com", "http://localhost:3000", "https://a.b.example.org:8443", "https://only.example", "capacitor://LOCALHOST"}},
		{ID: "two", Origins: []string{"https://www.example.net", "https://zzz.example.net", "https://example.edu"}},
	})
	rows := []struct {
		origin   string
		relation origins.Relation
		entry    string
	}{
		{"https://www.example.net", origins.OtherIntegration, "https://www.example.net"},
		{"http://app.example.com", origins.OtherScheme, "https://app.example.com"},
		{"capacitor://localhost:3000", origins.OtherScheme, "http://localhost:3000"},
		{"capacitor://localhost", origins.OtherCase, "capacitor://LOCALHOST"},
		{"app://Localhost", "", ""},
		{"capacitor://LOCALHOST:1", origins.OtherPort, "capacitor://LOCALHOST"},
		{"app://-", "", ""},
		{"app://.", "", ""},
		{"http://localhost:3001", origins.OtherPort, "http://localhost:3000"},
		{"http://localhost", origins.OtherPort, "http://localhost:3000"},
		{"http://app.example.com:8080", origins.OtherPort, "https://app.example.com"},
		{"https://app2.example.com", origins.OtherLabel, "https://app.example.com"},
		{"https://example.com", origins.OtherLabel, "https://app.example.com"},
		{"https://x.app.example.com", origins.OtherLabel, "https://app.example.com"},
		{"https://shop.example.net", origins.OtherLabel, "https://www.example.net"}, // the first of two
		{"https://example.net", origins.OtherLabel, "https://www.example.net"},
		{"https://x.example.edu", origins.OtherLabel, "https://example.edu"},
		{"https://other.example", "", ""},
		{"https://example", "", ""},
		{"https://app.example.com.", "", ""},
		{"https://evil.test", "", ""},
	}
	for _, row := range rows {
		want := origins.NearMiss{Relation: row.relation, Entry: row.entry}
		if got := list.Nearest(row.origin, origins.NoPatterns); got != want {
			t.Errorf("Nearest(%s) = %+v, want %+v", row.origin, got, want)
		}
	}
}

func BenchmarkList_Nearest(b *testing.B) {
	for _, size := range benchSizes() {
		list := newPaddedList(b, size, listedOrigin)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			for b.Loop() {
				list.Nearest("https://unrelated.test", origins.NoPatterns)
			}
		})
	}
}
