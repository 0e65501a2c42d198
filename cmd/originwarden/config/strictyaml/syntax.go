package strictyaml

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
)

// reportSyntax reports the error of the YAML package for a text of so many lines. The line
// of some errors is where the value begins that has the mistake.
func (f *Findings) reportSyntax(err error, lines int) {
	found := regexp.MustCompile(`^yaml: (?:line (\d+): )?(.+)$`).FindStringSubmatch(err.Error())
	if found == nil {
		f.Report(Position{}, "%v", err)
		return
	}
	line, _ := strconv.Atoi(found[1])
	if line == 0 && slices.Contains(firstLineErrors(), found[2]) {
		line = 1
	} else if slices.Contains(parserErrors(), found[2]) {
		line++
	}
	f.Report(Position{Line: min(line, lines)}, "invalid YAML: %s", found[2])
}

func countLines(text []byte) int {
	return bytes.Count(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) + 1
}

// parserErrors are those whose lines the YAML package counts from 0.
func parserErrors() []string {
	return []string{
		"did not find expected <document start>", "did not find expected node content", "did not find expected '-' indicator",
		"did not find expected key", "did not find expected ',' or ']'", "did not find expected ',' or '}'", "found undefined tag handle",
	}
}

// firstLineErrors are those that have no line if it is the first one. Others never have
// one.
func firstLineErrors() []string {
	return append(parserErrors(), "found character that cannot start any token", "mapping values are not allowed in this context",
		"found unexpected end of stream", "could not find expected ':'", "block sequence entries are not allowed in this context")
}
