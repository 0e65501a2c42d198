// Prints hosts.tsv: what a browser's URL parser makes of hosts that an
// administrator may write. whatwg-url is the reference implementation of the
// URL standard; the folder WPT has toascii.json and IdnaTestV2.json of
// web-platform-tests, url/resources.
//
//   npm install --prefix /tmp/oracle whatwg-url@16.0.1
//   NODE_PATH=/tmp/oracle/node_modules node hosts.mjs WPT [SEED [INPUTS]] > hosts.tsv
//
// INPUTS is how many there are of each kind.
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";

const {URL} = createRequire(import.meta.url)("whatwg-url");
const [folder, seed = "1", inputs = "400"] = process.argv.slice(2);

// What is written is an entry of https, unless it has a scheme.
const entry = (written) => (written.includes("://") ? written : "https://" + written);

function printed(written) {
  const url = URL.parse(entry(written));
  if (url === null) return "";
  const origin = url.protocol + "//" + url.host; // origin is null for an opaque host
  return written.includes("://") ? origin : origin.slice("https://".length);
}

// escape makes a string literal of Go without its quotes.
const escape = (s) => Array.from(s, (c) => {
  const n = c.codePointAt(0);
  if (c === '"' || c === "\\") return "\\" + c;
  if (n > 0x20 && n < 0x7f) return c;
  return n < 0x10000 ? "\\u" + n.toString(16).padStart(4, "0") : "\\U" + n.toString(16).padStart(8, "0");
}).join("");

let state = Number(seed);
function random() { // mulberry32
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (from) => from[below(from.length)];
const between = (from, to) => String.fromCodePoint(from + below(to - from + 1));
const times = (least, most, make) => Array.from({length: least + below(most - least + 1)}, make).join("");

// Ranges of letters, marks, digits and signs.
const ranges = [
  [0xdf, 0x17f], [0x300, 0x36f], [0x391, 0x3c9], [0x410, 0x4ff], [0x531, 0x587], [0x5d0, 0x5ea], [0x620, 0x65f],
  [0x660, 0x6d5], [0x700, 0x74f], [0x7c0, 0x7fa], [0x840, 0x85b], [0x8a0, 0x8ff], [0x900, 0x97f], [0xb80, 0xbff],
  [0xd80, 0xdff], [0xe00, 0xe5b], [0xf00, 0xfff], [0x1000, 0x109f], [0x10a0, 0x10ff], [0x1100, 0x11ff],
  [0x1780, 0x17ff], [0x1800, 0x18aa], [0x1e00, 0x1fff], [0x2000, 0x209f], [0x2100, 0x23ff], [0x2460, 0x24ff],
  [0x2600, 0x27bf], [0x2e80, 0x30ff], [0x3100, 0x33ff], [0x4e00, 0x9fff], [0xa640, 0xa7ff], [0xac00, 0xd7a3],
  [0xf900, 0xffef], [0x10a00, 0x10a58], [0x11700, 0x1173f], [0x1d400, 0x1d7ff], [0x1e900, 0x1e95f],
  [0x1f100, 0x1f2ff], [0x1f300, 0x1fad6], [0x20000, 0x2fa1d], [0xe0000, 0xe01ef],
];
const rune = () => between(...pick(ranges));
const ascii = () => pick("abcdefghijklmnopqrstuvwxyz0123456789");
const word = () => times(1, 8, ascii);
const oneScript = () => { const range = pick(ranges); return times(1, 5, () => between(...range)); };
const mixedScripts = () => times(1, 5, () => (random() < 0.3 ? ascii() : rune()));
const aLabel = () => {
  const label = printed(pick([oneScript, mixedScripts])());
  return label.startsWith("xn--") ? label : "xn--bcher-kva";
};
const upper = (s) => Array.from(s, (c) => (random() < 0.4 ? c.toUpperCase() : c)).join("");
const wide = (c) => (c > " " && c < "\x7f" ? String.fromCharCode(c.charCodeAt(0) + 0xfee0) : c);
const bold = (c) => /[a-z]/.test(c) ? String.fromCodePoint(0x1d41a + c.charCodeAt(0) - 97) : /\d/.test(c) ? String.fromCodePoint(0x1d7ce + Number(c)) : c;
const disguise = (s) => Array.from(s, (c) => pick([wide, bold, (c) => c])(c)).join("");
const insert = (s, c) => { const at = below(s.length + 1); return s.slice(0, at) + c + s.slice(at); };
const drop = (s) => { const at = below(s.length); return s.slice(0, at) + s.slice(at + 1); };

const ignored = ["\u00ad", "\u200b", "\u2060", "\ufeff", "\ufe0f", "\u034f", "\u180b", "\u115f", "\u3164"];
const joiners = ["\u200c", "\u200c", "\u200d"];
const syntax = [..."\u2100\u2048\uff0f\uff03\uff1f\uff20\uff1a\uff3b\u2024\u2025\u2026\u2488\ufe52\u00a0\u3000\u2260\u226e\u037e\u00a8\u2a74\u33c2\u0132\u00bd\u215f\u2215\uff5c\uff3c\uff05\u1e9e\u03c2\u2011\u0f0c"];
const number = () => pick([() => below(300), () => "0" + below(300), () => "0x" + below(300).toString(16), () => below(2 ** 32), () => "0x", () => below(256)])();
const hextet = () => (below(3) ? below(65536) : 0).toString(16);

const kinds = {
  "names of one script": () => oneScript() + "." + word(),
  "names of several scripts": () => mixedScripts() + pick(["", ".", "\u3002", "\uff0e", "\uff61"]) + mixedScripts(),
  "A-labels": () => upper(aLabel()) + pick(["", ".", "."]) + aLabel(),
  "broken A-labels": () => { const a = aLabel(); return pick([() => insert(drop(a), ascii()), () => drop(a), () => insert(a, "-"), () => a + pick(["-", "a", "9", "--"])])() + ".example"; },
  "short A-labels": () => pick(["", "a."]) + upper("xn--") + times(0, 3, () => pick([ascii, ascii, () => "-"])()) + pick(["", ".a", ":80", "/"]),
  "xn-- and Unicode in one label": () => pick(["xn--", "XN--", "\uff58n--", "x\u00adn--", "xn-\uff0d", "xn\u2011-", "\u{1d431}n--"]) + pick([() => times(0, 4, () => (random() < 0.5 ? rune() : ascii())) + pick(["", "-" + word()]), () => insert(aLabel().slice(4), rune())])(),
  "characters that are mapped to ASCII": () => disguise(pick([word, aLabel, () => word() + "." + word()])()),
  "characters that are ignored": () => insert(pick([word, aLabel, oneScript, () => "xn--"])(), pick(ignored)) + pick(["", ".", "." + word()]),
  "joiners": () => { const letter = pick([() => between(0x620, 0x64a), () => between(0x620, 0x64a), () => between(0x6d0, 0x6e8), () => between(0x64b, 0x655), () => "\u0915\u094d", () => between(0x840, 0x858), rune]); return times(1, 2, letter) + pick(joiners) + times(0, 2, letter) + pick(["", ".example"]); },
  "right to left": () => times(1, 5, () => pick([() => between(0x5d0, 0x5ea), () => between(0x620, 0x64a), () => between(0x660, 0x669), () => between(0x6f0, 0x6f9), ascii, () => pick("-_1\u0300\u05b0\u20ac")])()) + pick(["", "." + word(), "." + number()]),
  "characters that are mapped to syntax": () => insert(word(), pick(syntax)) + pick(["", ".example"]),
  "numbers": () => { const n = Array.from({length: 1 + below(5)}, number).join("."); return pick([n, n, disguise(n), word() + "." + n, n + ".", n + "." + word()]); },
  "IPv6 addresses": () => { const groups = Array.from({length: 3 + below(6)}, hextet); if (random() < 0.8) groups.splice(below(groups.length), 1 + below(3), ""); return "[" + pick(["", "", "::", ":"]) + pick([groups.join(":"), upper(groups.join(":")), groups.slice(0, 6).join(":") + ":192.0.2." + below(300)]) + pick(["", "", "::", "%eth0"]) + "]"; },
  "long labels": () => { const n = pick([50, 56, 57, 58, 59, 60, 62, 63, 64]); return times(n, n, () => (random() < 0.03 ? "\u00fc" : "a")) + ".example"; },
  "hyphens, underscores and empty labels": () => times(2, 5, () => pick(["-", "_", ".", "--", "a", "\u00fc", "\u3002", "xn--"])),
  "percent": () => insert(pick([word, oneScript])(), pick(["%61", "%2e", "%C3%BC", "%", "%00", "%AD", "\uff05\uff14\uff11"])),
  "ports": () => pick([word, aLabel, oneScript])() + ":" + pick(["443", "80", "0", "080", "65535", "65536", "", "8443", "\uff18\uff10", "+1"]),
  "special schemes": () => pick(["http", "HTTPS", "ws", "wss", "ftp"]) + "://" + pick([word, oneScript, aLabel, () => word().toUpperCase()])() + pick(["", ":80", ":443", ":21", "/"]),
  "opaque hosts": () => pick(["app", "capacitor-electron", "App", "x+y.z-1"]) + "://" + times(0, 8, () => (random() < 0.95 ? pick("ABCxyz019.-_~") : pick([..."!@[ '$,^|{+\u00fc", "%41"]))) + pick(["", "", "", ":8080", ":80", ":0", ":08", "/"]),
};

console.log(`# What a browser's URL parser prints for what is written, by hosts.mjs with whatwg-url 16 (Unicode 17).
# Columns, tab-separated: what is written, and what is printed; nothing if it is no URL. Without a scheme, both
# are of https. Escapes are those of a string literal of Go.`);
function print(kind, written) {
  console.log("# " + kind);
  for (const w of new Set(written)) if (w.isWellFormed()) console.log(escape(w) + "\t" + escape(printed(w)));
}
const wpt = ["toascii.json", "IdnaTestV2.json"].flatMap((name) => JSON.parse(readFileSync(folder + "/" + name)));
print("web-platform-tests; the licence of these is in hosts.LICENSE", wpt.map((test) => test.input).filter((input) => input));
for (const [kind, make] of Object.entries(kinds)) print(kind, Array.from({length: Number(inputs)}, make));
