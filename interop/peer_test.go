package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// patience is how long a peer may take: far more than any needs, so that one that hangs fails the test.
const patience = 4 * time.Minute

// peer is a program that reads stored records and writes user records.
type peer struct {
	name    string
	command []string // in this folder
}

var (
	kcl1    = peer{"KCL 1.14.10 UserRecord.deaggregate", java("kcl1")}
	kcl2    = peer{"KCL 2.7.2 AggregatorUtil", java("kcl2")}
	kcl3    = peer{"KCL 3.5.1 AggregatorUtil", java("kcl3")}
	python  = peer{"Python aws_kinesis_agg", []string{".cache/python/bin/python", "python/deaggregate.py"}}
	node    = peer{"Node aws-kinesis-agg", []string{"node", ".cache/node/deaggregate.js"}}
	awslabs = peer{"awslabs' Go package", []string{".cache/awslabs/awslabs"}}
)

func java(name string) []string {
	home := filepath.Join(".cache", name)
	classes := filepath.Join(home, "classes") + string(filepath.ListSeparator) + filepath.Join(home, "lib", "*")
	return []string{"java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", classes, "Deaggregate"}
}

// run starts the peer with in as its standard input and returns its standard output.
func (p peer) run(t *testing.T, in []byte, arguments ...string) []byte {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.command[0], append(p.command[1:len(p.command):len(p.command)], arguments...)...)
	var complaints bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v (is it installed? run.sh does that)\n%.2000s", p.name, err, &complaints)
	}
	return out
}

// versions returns what the peer stands on, by its own account.
func (p peer) versions(t *testing.T) map[string]string {
	found := map[string]string{}
	if err := json.Unmarshal(p.run(t, nil, "--versions"), &found); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	return found
}

// deaggregate returns the peer's user records, in its order, by the sequence number of their stored record.
func (p peer) deaggregate(t *testing.T, stored []storedRecord) map[string][]userRecord {
	var in bytes.Buffer
	lines := json.NewEncoder(&in)
	for _, r := range stored {
		if err := lines.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	users := map[string][]userRecord{}
	out := json.NewDecoder(bytes.NewReader(p.run(t, in.Bytes())))
	for {
		var u userRecord
		if err := out.Decode(&u); errors.Is(err, io.EOF) {
			return users
		} else if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		users[u.SequenceNumber] = append(users[u.SequenceNumber], u)
	}
}
