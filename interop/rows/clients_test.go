package rows

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// client puts by a program on one of kplkit's clients (interop/clients), whose child is kplkit daemon.
type client struct {
	world   *world
	command []string
}

func (c client) put(t *testing.T, stream string, plain bool, users []string) (stored []string) {
	requireClients(t)
	p := c.start(t, builtKplkit, c.world.kinesisURL)
	p.wake(t, stream) // by records that are not counted
	uncounted(stream)
	return p.put(t, stream, plain, users)
}

// start starts the program over a kplkit and a Kinesis.
func (c client) start(t *testing.T, kplkit, kinesis string) *process {
	return startProcess(t, c.command[len(c.command)-1], c.command, "ROW_KPLKIT="+kplkit, "ROW_KINESIS="+kinesis, fmt.Sprint("ROW_PER_AGGREGATE=", perAggregate))
}

// Where kplkit and the program in Go are built.
var (
	builtKplkit = filepath.Join(cache, "clients", "kplkit")
	builtClient = filepath.Join(cache, "clients", "put")
)

func requireClients(t *testing.T) {
	if out, err := buildClients(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// buildClients builds both, once. It returns what the compiler says of an error.
var buildClients = sync.OnceValues(func() (out []byte, err error) {
	to, err := filepath.Abs(filepath.Join(cache, "clients"))
	if err != nil {
		return nil, err
	}
	for folder, program := range map[string][2]string{"../..": {"kplkit", "./cmd/kplkit"}, "..": {"put", "./clients"}} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(to, program[0]), program[1])
		cmd.Dir = folder
		if out, err = cmd.CombinedOutput(); err != nil {
			return out, err
		}
	}
	return nil, nil
})
