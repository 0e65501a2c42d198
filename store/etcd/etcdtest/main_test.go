package etcdtest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"originwarden/store/etcd/etcdtest"
)

// A test that kills or pauses members starts each as a process of this binary, with the
// member in memberVariable.
const memberVariable = "ORIGINWARDEN_ETCD_MEMBER"

func TestMain(m *testing.M) {
	if member := os.Getenv(memberVariable); member != "" {
		if err := runMember(member); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// runMember runs a member until stdin ends or the process is killed.
func runMember(text string) error {
	var m etcdtest.Member
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return err
	}
	e, err := m.Start()
	if err != nil {
		return err
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	e.Server.HardStop()
	return nil
}

// processCluster is a cluster whose members are processes.
type processCluster struct {
	*etcdtest.Cluster
	running []*exec.Cmd
}

func startProcessCluster(t *testing.T) *processCluster {
	t.Helper()
	members, err := etcdtest.NewMembers(t.TempDir(), 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &processCluster{Cluster: &etcdtest.Cluster{Members: members}, running: make([]*exec.Cmd, len(members))}
	t.Cleanup(func() {
		for i := range p.running {
			p.kill(i)
		}
	})
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// start starts the members that are not running.
func (p *processCluster) start() error {
	errs := make(chan error)
	for i := range p.running {
		go func() {
			if p.running[i] != nil {
				errs <- nil
				return
			}
			var err error
			p.running[i], err = startProcess(p.Members[i])
			errs <- err
		}()
	}
	var all error
	for range p.running {
		all = errors.Join(all, <-errs)
	}
	return all
}

func startProcess(m etcdtest.Member) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), memberVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	_, err = cmd.StdinPipe() // closed when this process ends
	stdout, outErr := cmd.StdoutPipe()
	if err := errors.Join(err, outErr, cmd.Start()); err != nil {
		return nil, err
	}
	if lines := bufio.NewScanner(stdout); !lines.Scan() || lines.Text() != "ready" {
		_ = cmd.Process.Kill()
		return nil, fmt.Errorf("%s did not start: %w", m.Name, cmd.Wait())
	}
	return cmd, nil
}

// kill kills a member with SIGKILL.
func (p *processCluster) kill(i int) {
	if cmd := p.running[i]; cmd != nil {
		p.running[i] = nil
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// pause stops a member with SIGSTOP. Its connections stay open.
func (p *processCluster) pause(t *testing.T, i int) (resume func()) {
	t.Helper()
	process := p.running[i].Process
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	return func() { _ = process.Signal(syscall.SIGCONT) }
}

// leader returns the index of the leader, or -1 if it is unknown.
func (p *processCluster) leader(ctx context.Context) int {
	client, err := clientv3.New(clientv3.Config{Endpoints: p.Endpoints(), Logger: zap.NewNop()})
	if err != nil {
		return -1
	}
	defer client.Close()
	for i, endpoint := range p.Endpoints() {
		soon, cancel := context.WithTimeout(ctx, time.Second)
		status, err := client.Status(soon, endpoint)
		cancel()
		if err == nil && status.Leader == status.Header.MemberId {
			return i
		}
	}
	return -1
}
