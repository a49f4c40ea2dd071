package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/interop/servers"
)

// TestDynamoDB: the embedded DynamoDB and dynalite, an independent one, pass the same cases, which are those of
// internal/dynamofake's TestConformance.
func TestDynamoDB(t *testing.T) {
	e := newEvidence("dynamodb", 0)
	c := e.comparison("dynalite", map[string]string{"dynalite": servers.NPMVersion(t, ".cache", "dynalite", "dynalite")})
	address := servers.Dynalite(t, ".cache")
	outcomes := runConformance(t, "KPLKIT_DYNAMODB_ENDPOINT=http://"+address)
	for test, outcome := range outcomes {
		if where, name, ok := strings.Cut(strings.TrimPrefix(test, "TestConformance/"), "/"); ok && where == "endpoint" {
			c.count(outcome == "pass" && outcomes["TestConformance/embedded/"+name] == "pass")
		}
	}
	e.Input["cases"] = c.Compared
	if c.Different > 0 || c.Compared == 0 {
		t.Errorf("%d of %d cases differ", c.Different, c.Compared)
	}
	e.report(t)
}

// runConformance runs the cases, with one more variable in the environment, and returns how each test ended. It
// prints what the failed ones say.
func runConformance(t *testing.T, variable string) (outcomes map[string]string) {
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-json", "-run", "^TestConformance$", "./internal/dynamofake")
	cmd.Dir, cmd.Env = "..", append(os.Environ(), variable)
	out, failure := cmd.Output() // a failed case, too: the outcomes tell
	outcomes = map[string]string{}
	said := map[string]string{}
	for events := json.NewDecoder(bytes.NewReader(out)); ; {
		var event struct{ Action, Test, Output string }
		if err := events.Decode(&event); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go test: %v, %v\n%.2000s", failure, err, out)
		}
		switch event.Action {
		case "output":
			said[event.Test] += event.Output
		case "pass", "skip":
			outcomes[event.Test] = event.Action
		case "fail":
			outcomes[event.Test] = event.Action
			t.Logf("%s", said[event.Test])
		}
	}
	return outcomes
}
