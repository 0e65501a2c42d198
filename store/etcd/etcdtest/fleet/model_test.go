//go:build linux

package fleet_test

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// TestModel_DetectsInvalidHistories checks the model with valid and invalid histories.
func TestModel_DetectsInvalidHistories(t *testing.T) {
	at := func(from, to int64, c call) porcupine.Operation {
		return porcupine.Operation{ClientId: int(from), Input: c, Output: c, Call: from, Return: to}
	}
	write := func(v string) call { return call{kind: writes, value: v, applied: true} }
	read := func(v string) call { return call{kind: reads, value: v, applied: true} }
	swap := func(old, v string, applied bool) call {
		return call{kind: swaps, expected: old, value: v, applied: applied}
	}
	for name, row := range map[string]struct {
		want    porcupine.CheckResult
		history []porcupine.Operation
	}{
		"read after write":                    {porcupine.Ok, []porcupine.Operation{at(0, 1, write("a")), at(2, 3, read("a"))}},
		"lost write":                          {porcupine.Illegal, []porcupine.Operation{at(0, 1, write("a")), at(2, 3, read("first"))}},
		"read during write":                   {porcupine.Ok, []porcupine.Operation{at(0, 9, write("a")), at(2, 3, read("a"))}},
		"read of older value after newer one": {porcupine.Illegal, []porcupine.Operation{at(0, 9, write("a")), at(2, 3, read("a")), at(4, 5, read("first"))}},
		"swap of replaced value":              {porcupine.Illegal, []porcupine.Operation{at(0, 1, write("a")), at(2, 3, swap("first", "b", true))}},
		"swap refused without a reason":       {porcupine.Illegal, []porcupine.Operation{at(2, 3, swap("first", "b", false))}},
		"swap refused after a write":          {porcupine.Ok, []porcupine.Operation{at(0, 1, write("a")), at(2, 3, swap("first", "b", false)), at(4, 5, read("a"))}},
		"two swaps of the same value":         {porcupine.Illegal, []porcupine.Operation{at(0, 9, swap("first", "a", true)), at(1, 9, swap("first", "b", true))}},
	} {
		if got := porcupine.CheckOperationsTimeout(model("first"), row.history, 0); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}
