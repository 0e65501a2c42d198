package escape_test

import (
	"encoding/json"
	"testing"

	"originwarden/envelope/escape"
)

func TestTextAndJSON_EscapeUnprintableCharacters(t *testing.T) {
	for _, c := range []struct{ rule, in, text, json string }{
		{"letters, symbols and spaces are kept", "aü 😀", "aü 😀", "aü 😀"},
		{"terminal escape sequence", "\x1b[2J", `\x1b[2J`, `\u001b[2J`},
		{"line breaks and tab", "\r\t\u2028", `\r\t\u2028`, `\u000d\u0009\u2028`},
		{"NUL, DEL and C1", "\x00\x7f\u009b", `\x00\x7f\u009b`, `\u0000\u007f\u009b`},
		{"right-to-left override and zero-width space", "\u202e\u200b", `\u202e\u200b`, `\u202e\u200b`},
		{"character beyond the basic plane", "\U000e0001", `\U000e0001`, `\udb40\udc01`},
		{"invalid UTF-8 becomes U+FFFD", "\xff", "\uFFFD", "\uFFFD"},
	} {
		if got := escape.Text(c.in); got != c.text {
			t.Errorf("%s: Text = %s, want %s", c.rule, got, c.text)
		}
		if got := escape.JSON([]byte(c.in)); string(got) != c.json {
			t.Errorf("%s: JSON = %s, want %s", c.rule, got, c.json)
		}
	}
	if got := escape.Text("a\nb"); got != `a\nb` {
		t.Errorf("Text of a newline = %s", got)
	}
}

func TestJSON_KeepsMeaningAndLines(t *testing.T) {
	const in = "{\n  \"a\": \"\u0085\U000e0001\\n\"\n}\n"
	out := escape.JSON([]byte(in))
	if want := "{\n  \"a\": \"\\u0085\\udb40\\udc01\\n\"\n}\n"; string(out) != want {
		t.Errorf("got %s, want %s", out, want)
	}
	var before, after map[string]string
	if json.Unmarshal([]byte(in), &before) != nil || json.Unmarshal(out, &after) != nil || before["a"] != after["a"] {
		t.Errorf("%q became %q", before, after)
	}
}
