package interop

import (
	"fmt"
	"time"
)

// kpl is one of a feed's.
type kpl struct {
	*feed
	number int
	child  child
}

// start starts a KPL over a child process.
func (f *feed) start(c child, settings map[string]string) *kpl {
	f.kpls++
	all := map[string]string{
		"KinesisPort": f.port, "CloudwatchPort": f.port, "TempDirectory": f.temp, "NativeExecutable": c.launcher, "VerifyCertificate": "false",
	}
	for name, value := range settings {
		all[name] = value
	}
	arguments := []any{len(all)}
	for name, value := range all {
		arguments = append(arguments, name, value)
	}
	f.ask('S', f.kpls, arguments...)
	return &kpl{f, f.kpls, c}
}

func (k *kpl) put(p *put) *put {
	p.begin()
	k.mu.Lock()
	id := len(k.puts)
	k.puts = append(k.puts, p)
	k.mu.Unlock()
	var hashKey any
	if p.hashKey != "" {
		hashKey = p.hashKey
	}
	k.tell('P', k.number, id, p.stream, p.key, hashKey, p.data)
	return p
}

// flush waits until all has its result.
func (k *kpl) flush() { k.ask('F', k.number) }

// load puts n user records of a size, as fast as it goes, and returns how many are stored.
func (k *kpl) load(stream string, n, size, window int) (stored int, took time.Duration) {
	var microseconds int64
	if _, err := fmt.Sscan(k.ask('L', k.number, stream, n, size, window), &stored, &microseconds); err != nil {
		k.t.Fatal(err)
	}
	return stored, time.Duration(microseconds) * time.Microsecond
}

// end ends the KPL, and holds that its child has ended soon.
func (k *kpl) end() {
	k.ask('D', k.number)
	k.child.awaitEnd(k.t)
}
