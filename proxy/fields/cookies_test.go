package fields_test

import (
	"net/http"
	"slices"
	"testing"

	"originwarden/proxy/fields"
)

// The lines that a tenant gets. All but the private cookies stays as it is.
func TestPrivateCookies_Strip(t *testing.T) {
	private := fields.PrivateCookies{"session", "__Host-session"}
	for line, want := range map[string]string{
		"session=1":                              "",
		"session=1;":                             "",
		" session = 1 ":                          "",
		"session":                                "",
		"session=1; __Host-session=2":            "",
		"a=1":                                    "a=1",
		"a=1; session=2":                         "a=1",
		"session=2; a=1":                         "a=1",
		"a=1; session=2; b=3":                    "a=1; b=3",
		"a=1;session=2;b=3":                      "a=1;b=3",
		"a=1;  b = \"x\" ;; session=2; c":        "a=1;  b = \"x\" ;; c",
		"session=1; a=1; session=2":              "a=1",
		"__Host-session=1; a=1":                  "a=1",
		"a=session; sessions=1; xsession=2":      "a=session; sessions=1; xsession=2",
		"Session=1; __host-session=2; a=session": "Session=1; __host-session=2; a=session",
		"a=1; session=x=y; b=2":                  "a=1; b=2",
		" a=1 ":                                  " a=1 ",
		"":                                       "",
		"a=\"1; session=2; b\"":                  "a=\"1; b\"", // browsers know no quotes
	} {
		if got, ok := private.Strip(line); got != want && ok || ok != (want != "" || line == "") {
			t.Errorf("%q becomes %q, %t; want %q", line, got, ok, want)
		}
	}
}

func TestPrivateCookies_StripHeader(t *testing.T) {
	private := fields.PrivateCookies{"session"}
	for name, row := range map[string]struct{ given, want []string }{
		"none":              {nil, nil},
		"others":            {[]string{"a=1", "b=2"}, []string{"a=1", "b=2"}},
		"a line of its own": {[]string{"a=1", "session=2", "b=3"}, []string{"a=1", "b=3"}},
		"all":               {[]string{"session=1", "session=2"}, nil},
		"within":            {[]string{"session=1; a=1", "b=2; session=3"}, []string{"a=1", "b=2"}},
	} {
		before := slices.Clone(row.given)
		header := http.Header{"Accept": {"*/*"}}
		if row.given != nil {
			header["Cookie"] = row.given
		}
		private.StripHeader(header)
		if got, present := header["Cookie"]; !slices.Equal(got, row.want) || present != (row.want != nil) || !slices.Equal(row.given, before) {
			t.Errorf("%s: %q, present %t; want %q", name, got, present, row.want)
		}
	}
}

func TestPrivateCookies_CostNothingWithoutThem(t *testing.T) {
	private := fields.PrivateCookies{"session", "__Host-session"}
	header := http.Header{"Cookie": {"a=1; b=2"}}
	if n := testing.AllocsPerRun(100, func() { private.StripHeader(header) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
