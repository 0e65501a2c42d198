package schema_test

import (
	"reflect"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"originwarden/store"
	"originwarden/store/etcd/schema"
)

func FuzzDecode_ReversesEncode(f *testing.F) {
	f.Add("name", "ops", "https://a.example", int64(0))
	f.Add("\n", `"`, `a","b`, int64(1))
	f.Add("\x00\u2028<&>", "\xff", `\`, int64(-1))
	f.Add("", "", "", int64(253402300799)) // 9999-12-31T23:59:59Z
	f.Fuzz(func(t *testing.T, name, by, entry string, at int64) {
		w := store.WebIntegration{
			ID: "id", TenantID: "acme", Name: name, CreatedBy: by, Revision: 7,
			Created: time.Unix(at, 0).UTC(), LastUpdated: time.Unix(at/2, 0).UTC(),
		}
		for _, w.ValidOrigins = range [][]string{nil, {entry}, {entry, name, entry}} {
			text, err := schema.Encode(w)
			if err != nil {
				continue
			}
			got, err := schema.Decode("acme", "id", &mvccpb.KeyValue{Key: []byte("id"), Value: []byte(text), ModRevision: 7})
			if err != nil || !reflect.DeepEqual(got, w) {
				t.Errorf("%+v is encoded as %s and decoded as %+v, %v", w, text, got, err)
			}
		}
	})
}

func TestDecode_AcceptsAnyJSONForm(t *testing.T) {
	const first = `{ "name": "one", "createdBy": "ops", "created": "2020-01-01T01:00:00+01:00", "lastUpdated": "2020-01-01T00:00:00Z" }`
	for list, want := range map[string][]string{
		"":                                     nil,
		"\n":                                   nil,
		"\n" + `[]`:                            {},
		"\n" + `["a", "b"]`:                    {"a", "b"},
		"\n[\n\t\"a\"\n]\n":                    {"a"},
		"\n" + `["\u0061","b"]`:                {"a", "b"},
		"\n" + `["a\",\"b","c"]`:               {`a","b`, "c"},
		"\n" + `["https://a.example","b","c"]`: {"https://a.example", "b", "c"},
	} {
		w, err := schema.Decode("acme", "id", &mvccpb.KeyValue{Value: []byte(first + list)})
		if err != nil || !reflect.DeepEqual(w.ValidOrigins, want) || !w.Created.Equal(w.LastUpdated) {
			t.Errorf("%q is decoded as %+v, %v", list, w, err)
		}
	}
	for _, value := range []string{"", "{", `[]`, "\n", first + "\n{}", first + "\n[7]", first + "\n" + `["a",["b"]]`, first + "\n" + `["a"`, `["a"]` + "\n" + first} {
		if w, err := schema.Decode("acme", "id", &mvccpb.KeyValue{Value: []byte(value)}); err == nil {
			t.Errorf("%q is decoded as %+v, want an error", value, w)
		}
	}
}
