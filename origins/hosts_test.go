package origins_test

import (
	"bufio"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/idna"

	"originwarden/origins"
)

// hostCase is a row of testdata/hosts.tsv: an entry as an administrator may write
// it, and the origin of that URL as a browser serializes it, or "" if the URL is
// invalid.
type hostCase struct{ kind, entry, serialized string }

func readHosts(t *testing.T) (cases []hostCase) {
	t.Helper()
	file, err := os.Open("testdata/hosts.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	kind := ""
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var ok bool
		if kind, ok = parseKind(lines.Text(), kind); ok {
			continue
		}
		written, serialized, _ := strings.Cut(lines.Text(), "\t")
		c := hostCase{kind, unescape(t, written), unescape(t, serialized)}
		if !strings.Contains(c.entry, "://") {
			c.entry = "https://" + c.entry
			if c.serialized != "" {
				c.serialized = "https://" + c.serialized
			}
		}
		cases = append(cases, c)
	}
	if len(cases) < 5000 {
		t.Fatalf("read %d cases", len(cases))
	}
	return cases
}

func parseKind(line, before string) (kind string, ok bool) {
	if kind, ok = strings.CutPrefix(line, "# "); !ok {
		kind = before
	}
	return kind, ok
}

func unescape(t *testing.T, s string) string {
	t.Helper()
	s, err := strconv.Unquote(`"` + s + `"`)
	if err != nil {
		t.Fatalf("%v: %s", err, s)
	}
	return s
}

func TestParseEntry_AgreesWithBrowsers(t *testing.T) {
	for _, c := range readHosts(t) {
		if got, err := origins.ParseEntry(c.entry); err == nil && got != c.serialized {
			t.Errorf("ParseEntry(%+q) = %q, browsers return %q: %s", c.entry, got, c.serialized, c.kind)
		}
	}
}

func TestParseEntry_AcceptsInternationalNames(t *testing.T) {
	rows := []struct{ name, want, language string }{
		{"straße.de", "xn--strae-oqa.de", "German"},
		{"bücher.example", "xn--bcher-kva.example", "German"},
		{"βόλος.com", "xn--nxasmm1c.com", "Greek, with a final sigma"},
		{"ΒΌΛΟΣ.COM", "xn--nxasmq6b.com", "Greek in upper case"},
		{"ελ.gr", "xn--qxam.gr", "Greek"},
		{"президент.рф", "xn--d1abbgf6aiiy.xn--p1ai", "Russian"},
		{"україна.укр", "xn--80aa2annq7l.xn--j1amh", "Ukrainian"},
		{"қазақстан.қаз", "xn--80aaa0a6awh12ed.xn--80ao21a", "Kazakh"},
		{"հայ.հայ", "xn--y9a3aq.xn--y9a3aq", "Armenian"},
		{"გუგლი.გე", "xn--nodash7b.xn--node", "Georgian"},
		{"ישראל.ישראל", "xn--4dbrk0ce.xn--4dbrk0ce", "Hebrew"},
		{"דוגמה.co.il", "xn--6dbbec0c.co.il", "Hebrew beside Latin"},
		{"مثال.إختبار", "xn--mgbh0fb.xn--kgbechtv", "Arabic"},
		{"موقع.وزارة-الاتصالات.مصر", "xn--4gbrim.xn----ymcbaaajlc6dj7bxne2c.xn--wgbh1c", "Arabic with a hyphen"},
		{"نامه\u200cای.ایران", "xn--mgba3gch31f060k.xn--mgba3a4f16a", "Persian with a non-joiner"},
		{"می\u200cروم.com", "xn--wgb3bbl27d652j.com", "Persian with a non-joiner"},
		{"اردو.پاکستان", "xn--mgbqf7g.xn--mgbai9azgqp6j", "Urdu"},
		{"उदाहरण.परीक्षा", "xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g", "Hindi"},
		{"क्\u200dष.भारत", "xn--11b2ezcw70k.xn--h2brj9c", "Hindi with a joiner"},
		{"শ্রীলঙ্কা.ভারত", "xn--p5bh2eis6ck6he.xn--45brj9c", "Bengali"},
		{"ශ්\u200dරී.ලංකා", "xn--10cl1a0b660p.xn--fzc2c9e2c", "Sinhala with a joiner"},
		{"உதாரணம்.இந்தியா", "xn--zkc6cc5bi7f6e.xn--xkc2dl3a5ee0h", "Tamil"},
		{"ตัวอย่าง.ไทย", "xn--72c1a1bt4awk9o.xn--o3cw4h", "Thai"},
		{"ຕົວຢ່າງ.ລາວ", "xn--v6c1a1bt0d9b7e.xn--q7ce6a", "Lao"},
		{"ឧទាហរណ៍.ខ្មែរ", "xn--w2ef1ax7a5fyh.xn--j2e0cg3n2c", "Khmer"},
		{"မြန်မာ.com", "xn--7idjb0f4ck.com", "Burmese"},
		{"例え.テスト", "xn--r8jz45g.xn--zckzah", "Japanese"},
		{"日本語。ｊｐ", "xn--wgv71a119e.jp", "Japanese in full width"},
		{"ドメイン名例.jp", "xn--eckwd4c7cu47r2wf.jp", "Japanese"},
		{"ー.jp", "xn--wek.jp", "Japanese, a prolonged sound mark"},
		{"例子.中国", "xn--fsqu00a.xn--fiqs8s", "Chinese"},
		{"例子.台灣", "xn--fsqu00a.xn--kpry57d", "Chinese"},
		{"한국.한국", "xn--3e0b707e.xn--3e0b707e", "Korean"},
		{"łódź.pl", "xn--d-uga0v4h.pl", "Polish"},
		{"çağrı.com.tr", "xn--ar-3ia9t9c.com.tr", "Turkish"},
		{"İstanbul.com.tr", "xn--istanbul-o0e.com.tr", "Turkish capital with a dot"},
		{"việt.vn", "xn--vit-5kz.vn", "Vietnamese"},
		{"café.fr", "xn--caf-dma.fr", "French"},
		{"cafe\u0301.fr", "xn--caf-dma.fr", "French, decomposed"},
		{"l·l.cat", "xn--ll-0ea.cat", "Catalan"},
		{"ŋ.no", "xn--2fa.no", "Sami"},
		{"ትግራይ.et", "xn--iyd1mxn7d.et", "Ethiopic"},
		{"☕.us", "xn--53h.us", "an emoji"},
		{"i❤\ufe0f.ws", "xn--i-7iq.ws", "an emoji with a variation selector"},
		{"🇺🇸.to", "xn--w77hd.to", "a flag"},
		{"xn--i-7iq.ws", "xn--i-7iq.ws", "A-label of an emoji"},
	}
	for _, row := range rows {
		if got, err := origins.ParseEntry("https://" + row.name); err != nil || got != "https://"+row.want {
			t.Errorf("ParseEntry(%q) = %q, %v, want https://%s: %s", row.name, got, err, row.want, row.language)
		}
		if got, err := origins.ParseEntry("https://" + row.want); err != nil || got != "https://"+row.want {
			t.Errorf("ParseEntry(%q) = %q, %v: %s", row.want, got, err, row.language)
		}
	}
}

// exception is a rule by which ParseEntry refuses entries that browsers accept.
type exception struct {
	name    string
	matches func(hostCase) bool
}

func TestParseEntry_RefusesEntriesThatBrowsersAccept(t *testing.T) {
	rules := []exception{
		{"the browser's origin is not well formed", func(c hostCase) bool { return !origins.WellFormed(c.serialized) }},
		{"a label begins or ends with a hyphen", matches(serializedForm, `[/.]-|-([.:]|$)`)},
		{"the entry has more than an origin", matches(entryForm, `[%@?#* \\]|://.*/.`)},
		{"the port is empty or has leading zeros", matches(entryForm, `:(0\d+)?$`)},
		{"the IPv4 address is not in canonical form", matches(serializedForm, `^\w+://[\d.]+(:\d+)?$`)},
		{"a non-joiner is allowed only by the joining types of its letters", matches(decoded, `\x{200c}`)},
		{"the character was added or changed after Unicode 15", hasNewCharacter},
	}
	refused := make([]int, len(rules))
	for _, c := range readHosts(t) {
		_, err := origins.ParseEntry(c.entry)
		if err == nil || c.serialized == "" {
			continue
		}
		rule := slices.IndexFunc(rules, func(r exception) bool { return r.matches(c) })
		if rule < 0 {
			t.Errorf("ParseEntry(%+q): %v, browsers return %q: %s", c.entry, err, c.serialized, c.kind)
			continue
		}
		refused[rule]++
	}
	for i, r := range rules {
		t.Logf("%d: %s", refused[i], r.name)
		if refused[i] == 0 {
			t.Errorf("no entry is refused by the rule %q", r.name)
		}
	}
}

func entryForm(c hostCase) string      { return c.entry }
func serializedForm(c hostCase) string { return c.serialized }

// decoded returns the entry and the serialized host with its A-labels decoded.
func decoded(c hostCase) string {
	host, _ := idna.Punycode.ToUnicode(strings.TrimPrefix(c.serialized, "https://"))
	return c.entry + host
}

func matches(of func(hostCase) string, pattern string) func(hostCase) bool {
	expression := regexp.MustCompile(pattern)
	return func(c hostCase) bool { return expression.MatchString(of(c)) }
}

// hasNewCharacter reports whether the case has a character that Unicode 17 accepts
// and Unicode 15, as used by Go, does not, or that they map differently.
func hasNewCharacter(c hostCase) bool {
	changed := regexp.MustCompile(`[\x{4c0}\x{10a0}-\x{10c5}\x{115f}\x{1160}\x{17b4}\x{17b5}\x{1806}\x{1e9e}\x{2132}\x{2183}\x{3164}\x{ffa0}\x{1171e}]`)
	return changed.MatchString(decoded(c)) || strings.ContainsFunc(decoded(c), func(r rune) bool { return unicode.Is(unicode.Cn, r) })
}
