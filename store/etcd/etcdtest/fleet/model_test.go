//go:build linux

package fleet_test

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// TestModel_TellsARegister holds the check itself to histories that are known.
func TestModel_TellsARegister(t *testing.T) {
	at := func(from, to int64, c call) porcupine.Operation {
		return porcupine.Operation{ClientId: int(from), Input: c, Output: c, Call: from, Return: to}
	}
	write := func(v string) call { return call{kind: writes, value: v, held: true} }
	read := func(v string) call { return call{kind: reads, value: v, held: true} }
	swap := func(old, v string, held bool) call { return call{kind: swaps, expected: old, value: v, held: held} }
	for name, row := range map[string]struct {
		want    porcupine.CheckResult
		history []porcupine.Operation
	}{
		"a write, then it is read":           {porcupine.Ok, []porcupine.Operation{at(0, 1, write("a")), at(2, 3, read("a"))}},
		"an acknowledged write is lost":      {porcupine.Illegal, []porcupine.Operation{at(0, 1, write("a")), at(2, 3, read("first"))}},
		"a write under way is read":          {porcupine.Ok, []porcupine.Operation{at(0, 9, write("a")), at(2, 3, read("a"))}},
		"one read goes back behind another":  {porcupine.Illegal, []porcupine.Operation{at(0, 9, write("a")), at(2, 3, read("a")), at(4, 5, read("first"))}},
		"a swap of what was replaced":        {porcupine.Illegal, []porcupine.Operation{at(0, 1, write("a")), at(2, 3, swap("first", "b", true))}},
		"a swap refused without any reason":  {porcupine.Illegal, []porcupine.Operation{at(2, 3, swap("first", "b", false))}},
		"a swap refused, as it was replaced": {porcupine.Ok, []porcupine.Operation{at(0, 1, write("a")), at(2, 3, swap("first", "b", false)), at(4, 5, read("a"))}},
		"two swaps of one value":             {porcupine.Illegal, []porcupine.Operation{at(0, 9, swap("first", "a", true)), at(1, 9, swap("first", "b", true))}},
	} {
		if got := porcupine.CheckOperationsTimeout(model("first"), row.history, 0); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}
