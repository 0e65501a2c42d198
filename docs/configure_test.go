package docs_test

import (
	"encoding"
	"errors"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"originwarden/cmd/originwarden/config"
)

// described is the default of the one key whose default depends on others.
const described = "tenants[].public_origins"

func TestConfigure_HasEveryKeyWithItsDefault(t *testing.T) {
	there := leaves(reflect.ValueOf(defaults(t)).Elem(), "")
	for key, documented := range documentedKeys(t) {
		value, known := there[key]
		if !known {
			t.Errorf("it has %s, which is no key", key)
			continue
		}
		delete(there, key)
		if err := isDefault(key, documented, value); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	for key := range there {
		t.Errorf("it has no %s", key)
	}
}

// defaults are those of a configuration with a tenant, a token and a certificate of which
// nothing is said but what has to be.
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

// documentedKeys are the default cells by key.
func documentedKeys(t *testing.T) map[string]string {
	t.Helper()
	keys := map[string]string{}
	for _, row := range table(read(t, "configure.md"), "Key", "Default", "Unit or values", "Meaning") {
		key, ok := code(row[0])
		if !ok || len(row) != 4 || slices.Contains(row, "") {
			t.Fatalf("a row is not like the others: %q", row)
		}
		if _, doubled := keys[key]; doubled {
			t.Errorf("it has %s twice", key)
		}
		keys[key] = row[1]
	}
	return keys
}

// leaves are the values of a configuration that have no keys inside, by path.
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

// isDefault compares what a cell says with the default that there is.
func isDefault(key, cell string, value reflect.Value) error {
	if required(key) || key == described {
		if _, isValue := code(cell); isValue || required(key) != (cell == "required") {
			return errors.New("it has no default of its own, and the document says " + cell)
		}
		return nil
	}
	text, ok := code(cell)
	if !ok {
		return errors.New("the default is no value: " + cell)
	}
	got := reflect.New(value.Type())
	if err := parse(text, got.Interface()); err != nil {
		return err
	}
	isEmpty := value.Kind() == reflect.Slice && value.Len() == 0 && got.Elem().Len() == 0
	if !isEmpty && !reflect.DeepEqual(got.Elem().Interface(), value.Interface()) {
		return errors.New("the default is another one than " + text)
	}
	return nil
}

// parse reads a value as a configuration's file has it.
func parse(text string, into any) error {
	if form, ok := into.(encoding.TextUnmarshaler); ok {
		return form.UnmarshalText([]byte(strings.Trim(text, `"`)))
	}
	return yaml.Unmarshal([]byte(text), into)
}

// required reports whether a file without the key is no configuration.
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

func TestConfigure_TellsWhatWaitsForARestart(t *testing.T) {
	_, told, found := strings.Cut(read(t, "configure.md"), "which need a restart. The log")
	if !found {
		t.Fatal("it does not tell")
	}
	told, _, _ = strings.Cut(told, "\n\nLists are not part of the configuration")
	for key := range documentedKeys(t) {
		section, _, _ := strings.Cut(key, ".")
		waits := strings.Contains(told, "`"+key+"`") || strings.Contains(told, "all of `"+section+"`")
		if got := waitsForRestart(t, key); got != waits {
			t.Errorf("%s: waits for a restart: %v, and the document says %v", key, got, waits)
		}
	}
}

// waitsForRestart reports whether a reload leaves a change of the key aside.
func waitsForRestart(t *testing.T, key string) bool {
	t.Helper()
	before, after := defaults(t), defaults(t)
	change(leaves(reflect.ValueOf(after).Elem(), "")[key])
	_, waiting := before.Merge(after)
	return len(waiting) > 0
}

// change makes a value another one.
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
		v.Set(reflect.ValueOf(&url.URL{Scheme: "http", Host: "127.0.0.1:4318"}))
	case reflect.Struct:
		change(v.Field(0))
	}
}

func TestDocuments_ShowConfigurationsThatAreValid(t *testing.T) {
	for name, text := range documents(t) {
		fences, _ := split(text)
		for _, f := range fences {
			if f.language != "yaml" || !strings.Contains(f.text, "tenants:") {
				continue
			}
			if _, err := config.Parse(name, []byte(f.text)); err != nil {
				t.Errorf("%s, the block of line %d: %v", name, f.line, err)
			}
		}
	}
}
