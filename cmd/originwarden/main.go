// Command originwarden is a reverse proxy that decides for every request
// whether its web origin may talk to the tenant behind it.
package main

import (
	"os"

	"originwarden/cmd/originwarden/cli"
)

func main() { os.Exit(cli.Execute(cli.ThisProcess(), os.Args[1:]...)) }
