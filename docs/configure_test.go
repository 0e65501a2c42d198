package docs_test

import (
	"crypto/x509"
	"encoding"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"originwarden/cmd/originwarden/config"
)

// computed is the key whose default depends on other keys.
const computed = "tenants[].public_origins"

func TestConfigure_ListsEveryKeyAndDefault(t *testing.T) {
	values := leaves(reflect.ValueOf(defaults(t)).Elem(), "")
	for key, documented := range documentedKeys(t) {
		value, known := values[key]
		if !known {
			t.Errorf("%s is not a key of the configuration", key)
			continue
		}
		delete(values, key)
		if err := checkDefault(key, documented, value); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	for key := range values {
		t.Errorf("%s is not documented", key)
	}
}

// defaults returns a configuration with a tenant, a token and a certificate that has only
// the required values.
func defaults(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Parse("c.yaml", []byte("tenants: [{id: a, upstream: 'http://127.0.0.1:1'}]"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.API.Tokens = make([]config.Token, 1)
	cfg.TLS.Certs = make([]config.KeyPair, 1)
	return cfg
}

// documentedKeys maps each documented key to the cell with its default.
func documentedKeys(t *testing.T) map[string]string {
	t.Helper()
	keys := map[string]string{}
	for _, row := range table(readFile(t, "configure.md"), "Key", "Default", "Unit or values", "Meaning") {
		key, ok := code(row[0])
		if !ok || len(row) != 4 || slices.Contains(row, "") {
			t.Fatalf("invalid row: %q", row)
		}
		if _, repeated := keys[key]; repeated {
			t.Errorf("%s is documented twice", key)
		}
		keys[key] = row[1]
	}
	return keys
}

// leaves returns the values of a configuration that have no keys of their own, by path.
func leaves(v reflect.Value, path string) map[string]reflect.Value {
	all := map[string]reflect.Value{}
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		if key == "" {
			continue
		}
		inner, field := strings.TrimPrefix(path+"."+key, "."), v.Field(i)
		if field.Kind() == reflect.Slice && hasKeys(field.Type().Elem()) {
			inner, field = inner+"[]", field.Index(0)
		}
		if inner == "defaults" {
			all[inner] = reflect.ValueOf(map[string]any{}) // it has the keys of tenants
			continue
		}
		if !hasKeys(field.Type()) {
			all[inner] = field
			continue
		}
		for key, value := range leaves(field, inner) {
			all[key] = value
		}
	}
	return all
}

func hasKeys(typ reflect.Type) bool {
	return typ.Kind() == reflect.Struct && typ.NumField() > 0 && typ.Field(0).Tag.Get("yaml") != ""
}

// checkDefault compares a documented default with the actual one.
func checkDefault(key, cell string, value reflect.Value) error {
	if required(key) || key == computed {
		if _, isValue := code(cell); isValue || required(key) != (cell == "required") {
			return errors.New("it has no fixed default, but the document says " + cell)
		}
		return nil
	}
	text, ok := code(cell)
	if !ok {
		return errors.New("the documented default is not a value: " + cell)
	}
	got := reflect.New(value.Type())
	if err := parseValue(text, got.Interface()); err != nil {
		return err
	}
	isEmpty := value.Kind() == reflect.Slice && value.Len() == 0 && got.Elem().Len() == 0 ||
		value.Kind() == reflect.Pointer && value.IsNil() && got.Elem().Elem().IsZero()
	if !isEmpty && !reflect.DeepEqual(got.Elem().Interface(), value.Interface()) {
		return errors.New("the default is not " + text)
	}
	return nil
}

// parseValue decodes a value as in a configuration file.
func parseValue(text string, target any) error {
	if unmarshaler, ok := target.(encoding.TextUnmarshaler); ok {
		return unmarshaler.UnmarshalText([]byte(strings.Trim(text, `"`)))
	}
	return yaml.Unmarshal([]byte(text), target)
}

// required reports whether a configuration without the key is invalid.
func required(key string) bool {
	list, name, found := strings.Cut(key, "[].")
	if !found {
		return false
	}
	text := "tenants: [{}]"
	if list == "api.tokens" {
		text = "api: {tokens: [{}]}"
	}
	_, err := config.Parse("c.yaml", []byte(text))
	return err != nil && regexp.MustCompile(regexp.QuoteMeta(list)+`\[0\] has no `+regexp.QuoteMeta(name)+`(?m:$)`).MatchString(err.Error())
}

func TestConfigure_ListsKeysThatNeedRestart(t *testing.T) {
	_, text, found := strings.Cut(readFile(t, "configure.md"), "which need a restart. The log")
	if !found {
		t.Fatal("configure.md does not list the keys that need a restart")
	}
	text, _, _ = strings.Cut(text, "\n\nLists are not part of the configuration")
	for key := range documentedKeys(t) {
		section, _, _ := strings.Cut(key, ".")
		want := strings.Contains(text, "`"+key+"`") || strings.Contains(text, "all of `"+section+"`")
		if got := needsRestart(t, key); got != want {
			t.Errorf("%s: needs a restart: %v, but the document says %v", key, got, want)
		}
	}
}

// needsRestart reports whether a reload does not apply a change of the key.
func needsRestart(t *testing.T, key string) bool {
	t.Helper()
	before, after := defaults(t), defaults(t)
	change(leaves(reflect.ValueOf(after).Elem(), "")[key])
	_, waiting, err := before.Merge(after)
	if err != nil {
		t.Fatal(err)
	}
	return len(waiting) > 0
}

// change sets v to a different value.
func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint8:
		v.SetUint(v.Uint() + 1)
	case reflect.Float64:
		v.SetFloat(v.Float() / 2)
	case reflect.Slice:
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
	case reflect.Array:
		change(v.Index(0))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Struct:
		change(v.Field(0))
	}
}

func TestDocuments_ShowValidConfigurations(t *testing.T) {
	all := documents(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("tenants.txt", []byte("globex\ninitech\n"), 0o600); err != nil { // an ids_file
		t.Fatal(err)
	}
	writeCertificates(t)
	for name, text := range all {
		fences, _ := split(text)
		for _, f := range fences {
			if f.language != "yaml" || !strings.Contains(f.text, "tenants:") {
				continue
			}
			if _, err := config.Parse(name, []byte(f.text)); err != nil {
				t.Errorf("%s:%d: %v", name, f.line, err)
			}
		}
	}
}

// writeCertificates writes the files that the configurations of recipes.md name to the
// working directory.
func writeCertificates(t *testing.T) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
	for name, content := range map[string][]byte{
		"fullchain.pem":   certificate,
		"privkey.pem":     pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"provider-ca.pem": certificate,
	} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
