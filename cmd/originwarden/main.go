// Command originwarden is a reverse proxy that decides for every request
// whether its web origin may talk to the tenant behind it.
package main

import "os"

func main() { os.Exit(execute(thisProcess(), os.Args[1:]...)) }
