package rows

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// reshardDaemon is the KPL's wrapper over kplkit daemon, beside it over its own native process, while all shards are split.
func reshardDaemon() part {
	p := part{name: "reshard-daemon", versions: map[string]string{"Java": javaVersion()}}
	for _, kpl := range []struct {
		version string
		loses   bool
		native  func(ledger) bool // what the KCL makes of what its own native process stores
	}{{"1.0.7", true, losesSome}, {"0.14.13", false, repeatsSome}} {
		native, daemon := &splitStreams{kpl: kpl.version, loses: kpl.loses}, &splitStreams{kpl: kpl.version, daemon: true}
		add := func(id, reader string, versions map[string]string, play func(*stage, *testing.T) ledger, keeps func(storedRecord) bool, check func(ledger) bool) {
			p.scenarios = append(p.scenarios, scenario{id: id, what: splitWhat + reader, versions: versions, users: reshardRecords, play: play, keeps: keeps, check: check})
		}
		const worker, decoder = "a worker that starts afterwards", "kplkit's Decoder, which knows the shards' hash ranges and ancestors"
		versions := map[string]string{"KPL": kpl.version, "KCL": "2.7.2"}
		add("kpl-"+kpl.version+"/kcl-2.7.2", worker, versions, native.readBy(kcl("2.7.2")), noneMixed, kpl.native)
		add("kpl-"+kpl.version+"-on-kplkit/kcl-2.7.2", worker, versions, daemon.readBy(kcl("2.7.2")), noneMixed, exactly)
		add("kpl-"+kpl.version+"-on-kplkit/kplkit-ranges", decoder, map[string]string{"KPL": kpl.version}, daemon.decode(true), nil, exactly)
	}
	return p
}

// daemonExecutable returns a script that becomes kplkit daemon, with the wrapper's arguments.
func daemonExecutable(t *testing.T) string {
	if out, err := buildClients(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program, err := filepath.Abs(builtKplkit)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "daemon") // the wrapper puts certificates beside it
	if err := os.WriteFile(script, fmt.Appendf(nil, "#!/bin/sh\nexec '%s' daemon \"$@\"\n", program), 0o755); err != nil {
		t.Fatal(err)
	}
	return script
}
