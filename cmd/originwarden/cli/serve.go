package cli

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"runtime"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/cli/webintegration"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/server"
	"originwarden/origins"
	"originwarden/store"
)

// serveCommand is the command serve with its flags.
type serveCommand struct {
	env     Environment
	file    string // the configuration file, or ""
	data    string
	origins []string
	check   bool

	directory listsDirectory
	flags     []config.Flag // that override the file
}

func newServe(env Environment) *cobra.Command {
	s := &serveCommand{env: env}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: "Run the gateway. Without a configuration file, --upstream is enough: one tenant,\n" +
			"called default, serves localhost and 127.0.0.1, or every host if --listen is not a\n" +
			"loopback address. Its lists are kept in --data DIR, or else in\n" +
			"~/.local/state/originwarden, or the usual place of the system. A file originwarden.db in\n" +
			"the working directory, where earlier versions kept them, is still used.",
		Example: "  originwarden serve --upstream http://127.0.0.1:3000 --origin http://localhost:5173\n" +
			"  originwarden serve --config originwarden.yaml",
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&s.file, "config", "", "the configuration file (default: what ORIGINWARDEN_CONFIG names)")
	flags.BoolVar(&s.check, "check", false, "check the configuration and start nothing")
	flags.String("listen", "", "where tenants' traffic arrives, as host:port")
	flags.String("admin-listen", "", "where administrators get the console, and operators /metrics, /healthz and /readyz, as host:port")
	flags.String("upstream", "", "the URL of the only tenant")
	flags.StringArrayVar(&s.origins, "origin", nil, "an origin to list for the only tenant at the start, such as http://localhost:5173; may be repeated or comma-separated")
	flags.String("store", "", "where lists are kept, as sqlite:FILE or etcd://HOST:PORT,HOST:PORT/PREFIX")
	flags.StringVar(&s.data, "data", "", "the directory for the lists (a SQLite file) and the token; created if missing")
	flags.String("mode", "", "the only tenant's mode: enforce, headers or report")
	flags.String("log-format", "", "json, console, or auto: console on a terminal, json elsewhere")
	cmd.MarkFlagsMutuallyExclusive("store", "data")
	return cmd
}

// run runs the command, once its flags are parsed.
func (s *serveCommand) run(cmd *cobra.Command) error {
	flags := cmd.Flags()
	if !flags.Changed("config") {
		s.file = s.env.Getenv("ORIGINWARDEN_CONFIG")
	}
	if flags.Changed("data") && s.data == "" {
		return errors.New("--data must not be empty")
	}
	s.directory = chooseListsDirectory(s.env.Getenv, s.data, s.file != "" || flags.Changed("store"))
	s.flags = append(overrides(cmd), s.directory.flags()...)
	s.origins = webintegration.ParseOrigins(s.origins)
	if s.check {
		return s.checkConfiguration(cmd.Context())
	}
	sockets, err := checkedSockets(s.env)
	if err != nil {
		return command.Failed(err)
	}
	s.flags = append(s.flags, sockets.flags()...)
	cfg, err := s.load()
	if err == nil {
		err = checkStartList(cfg, s.origins)
	}
	if err != nil {
		return err
	}
	return command.Failed(s.serve(cfg, sockets))
}

func (s *serveCommand) load() (*config.Config, error) { return config.Load(s.file, s.flags...) }

// overrides returns the flags of cmd that override values of the file.
func overrides(cmd *cobra.Command) []config.Flag {
	var given []config.Flag
	for _, name := range []string{"listen", "admin-listen", "upstream", "store", "mode", "log-format"} {
		if flag := cmd.Flags().Lookup(name); flag != nil && flag.Changed {
			given = append(given, config.Flag{Name: name, Value: flag.Value.String()})
		}
	}
	return given
}

// heapReserve is memory in bytes that counts as in use, but that the system never has to
// give, because nothing is written there. The garbage collector runs when as much has been
// allocated as is in use: with short lists that is so little that the collector took a
// sixth of the time of requests over HTTP/2. Up to so much more garbage stays.
const heapReserve = 8 << 20

// serve runs the gateway of cfg until a signal stops it.
func (s *serveCommand) serve(cfg *config.Config, sockets passedSockets) error {
	env := s.env
	if env.IgnoreBrokenPipes != nil {
		env.IgnoreBrokenPipes()
	}
	stop, stopNow, end := env.StopContexts()
	defer end()
	log := logs.NewNonblocking(resolveFormat(cfg.Log, env.StderrIsTerminal), env.Stderr)
	defer log.Close()
	// net/http reports some faults of upstreams by the standard logger.
	lines := logs.NewStdLogger(log, "net/http")
	stdlog.SetFlags(0)
	stdlog.SetOutput(lines.Writer())
	defer stdlog.SetOutput(env.Stderr)
	// Before the start, because a SIGHUP that nothing subscribes to ends the process.
	hangups, release := env.Hangups()
	defer release()
	if err := s.directory.prepare(log); err != nil {
		return err
	}
	var reserve []byte
	defer func() { runtime.KeepAlive(reserve) }()
	build := thisBuild()
	return addStoreHint(server.New(cfg, server.Options{
		Log:     log,
		Version: build.version,
		Commit:  build.commit,
		Listen:  openListenerFunc(env.Listen, sockets),
		Ready: func(tenants, admin, decide net.Addr) {
			reserve = make([]byte, heapReserve)
			s.printReady(cfg, tenants, admin, decide)
		},
		Load:      s.load,
		Reload:    hangups,
		StartList: server.StartList{Name: startListName, Origins: s.origins},
		// A supervisor may start a gateway while the old one stops. A user at a
		// terminal wants the error at once.
		WaitForStore: !env.StderrIsTerminal,
	}).Run(stop, stopNow))
}

// printReady prints the line that programs wait for, and, if a user started serve
// in a terminal without a file, the start guide.
func (s *serveCommand) printReady(cfg *config.Config, tenants, admin, decide net.Addr) {
	line := fmt.Sprintf("originwarden ready listen=%s admin=%s", tenants, admin)
	if decide != nil {
		line += fmt.Sprintf(" decide=%s", decide)
	}
	fmt.Fprintln(s.env.Stdout, line)
	if s.env.StderrIsTerminal && s.file == "" {
		newStartGuide(s.env.Program, cfg, tenants, admin, len(s.origins) > 0).print(s.env.Stderr)
	}
}

// checkConfiguration reports what would prevent a start on this machine, and the
// warnings of a start.
func (s *serveCommand) checkConfiguration(ctx context.Context) error {
	cfg, warnings, err := config.Check(s.file, s.flags...)
	for _, w := range warnings {
		fmt.Fprintf(s.env.Stderr, "originwarden: warning: %s\n", w)
	}
	if err == nil {
		err = checkStartList(cfg, s.origins)
	}
	if err != nil {
		return err
	}
	for _, w := range server.Warnings(ctx, cfg) {
		fmt.Fprintf(s.env.Stderr, "originwarden: warning: %s\n", w)
	}
	_, err = fmt.Fprintln(s.env.Stdout, "configuration is valid")
	return command.Failed(err)
}

// startListName is the name of the web integration that --origin makes.
const startListName = "serve --origin"

// checkStartList returns what is wrong with the origins of --origin.
func checkStartList(cfg *config.Config, entries []string) error {
	var mistakes config.Mistakes
	wrong := func(format string, values ...any) {
		mistakes = append(mistakes, config.Mistake{Where: "--origin", Message: fmt.Sprintf(format, values...)})
	}
	switch {
	case len(entries) == 0:
		return nil
	case len(cfg.Tenants) != 1:
		wrong("the file has %d tenants, so the flag is ambiguous", len(cfg.Tenants))
	case cfg.Tenants[0].IsGroup():
		wrong("the tenant has an ids_file, so the flag is ambiguous")
	case cfg.Store.URL.Remote():
		wrong("the flag needs a SQLite file: other gateways share the lists of %s", cfg.Store.URL)
	}
	var patterns config.Patterns
	if len(cfg.Tenants) == 1 {
		patterns = cfg.Tenants[0].Patterns
	}
	problems := store.OriginProblems(entries, origins.Patterns(patterns))
	for i, entry := range entries {
		if problems[i] != nil {
			wrong("%q: %v", entry, problems[i])
		}
	}
	if mistakes == nil {
		return nil
	}
	return mistakes
}
