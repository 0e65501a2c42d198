package escape_test

import (
	"encoding/json"
	"testing"

	"originwarden/envelope/escape"
)

func TestTextAndJSON_EscapeWhatDoesNotPrint(t *testing.T) {
	for _, c := range []struct{ rule, in, text, json string }{
		{"letters, symbols and the space stay", "aü 😀", "aü 😀", "aü 😀"},
		{"a terminal's escape sequence", "\x1b[2J", `\x1b[2J`, `\u001b[2J`},
		{"ends of a line", "\r\t\u2028", `\r\t\u2028`, `\u000d\u0009\u2028`},
		{"NUL, DEL and C1", "\x00\x7f\u009b", `\x00\x7f\u009b`, `\u0000\u007f\u009b`},
		{"text from right to left, and no width", "\u202e\u200b", `\u202e\u200b`, `\u202e\u200b`},
		{"beyond the basic plane", "\U000e0001", `\U000e0001`, `\udb40\udc01`},
		{"invalid UTF-8 is U+FFFD", "\xff", "\uFFFD", "\uFFFD"},
	} {
		if got := escape.Text(c.in); got != c.text {
			t.Errorf("%s: Text is %s, want %s", c.rule, got, c.text)
		}
		if got := escape.JSON([]byte(c.in)); string(got) != c.json {
			t.Errorf("%s: JSON is %s, want %s", c.rule, got, c.json)
		}
	}
	if got := escape.Text("a\nb"); got != `a\nb` {
		t.Errorf("a newline in text: %s", got)
	}
}

func TestJSON_KeepsItsMeaningAndItsLines(t *testing.T) {
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
