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

// What TestMain makes: the path of the originwarden command, a running Chromium, the
// gateway of the flows, and the script of axe.
var (
	axe      string
	binary   string
	chromium context.Context
	shared   *gateway
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
		script, err := os.ReadFile(filepath.Join("scripts", "node_modules", "axe-core", "axe.min.js"))
		if err != nil {
			fmt.Fprintf(os.Stderr, "%v (after npm ci in the folder scripts?)\n", err)
			return 1
		}
		axe = string(script)
		upstream := startUpstream()
		defer upstream.Close()
		started, stop, err := runGateway(dir, flowTenants(upstream.URL))
		if err != nil {
			fmt.Fprintln(os.Stderr, "starting the gateway:", err)
			return 1
		}
		defer stop()
		shared = started
		return m.Run()
	}())
}
