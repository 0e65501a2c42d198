// Package consoletest_test uses the console as people do: in Chromium, on a running
// gateway, each flow with scripts and without. It also checks every page with axe.
//
// Axe is a package of npm: run "npm ci --ignore-scripts" in the folder scripts. With
// SCREENSHOTS=DIR the test of the pages writes a picture of each into the folder DIR.
package consoletest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// What TestMain makes: the path of the originwarden command, and a running Chromium.
var (
	binary   string
	chromium context.Context
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "originwarden-console-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "originwarden")
		build := exec.Command("go", "build", "-o", binary, "./cmd/originwarden")
		build.Dir = "../.."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
		allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU)...)
		defer stop()
		running, stop := chromedp.NewContext(allocator)
		defer stop()
		if err := chromedp.Do(running); err != nil {
			fmt.Fprintln(os.Stderr, "starting Chromium:", err)
			return 1
		}
		chromium = running
		return m.Run()
	}())
}
