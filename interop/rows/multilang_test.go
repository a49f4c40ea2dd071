package rows

import (
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// multilang is the MultiLangDaemon of a version of the KCL with a record processor in Python. Up to 1.14 it is in the
// KCL's own jar.
func multilang(version string) program {
	return multilangWith(version, "python3 ../python/multilang_child.py")
}

func multilangWith(version, child string) program {
	name := "multilang-" + version
	command := append([]string{"java"}, javaFlags()...)
	jar := [2]string{"kcl-" + version, kclJar}
	switch version {
	case "1.3.0", "1.4.0":
		command = append(command, "-cp", classPath(name, "kcl-"+version), "Launcher")
	case "1.14.10":
		command = append(command, "-cp", classPath(name, "kcl-"+version), "Launcher",
			"com.amazonaws.services.kinesis.multilang.MultiLangDaemon", "DefaultAWSCredentialsProviderChain", filepath.Join(cache, name))
	default:
		jar = [2]string{name, multilangJar}
		command = append(command, "-cp", classPath(name), "Launcher",
			"software.amazon.kinesis.multilang.MultiLangDaemon", "DefaultCredentialsProvider", filepath.Join(cache, name))
	}
	return program{command: command, env: []string{"ROW_CHILD=" + child}, index: strings.HasPrefix(version, "3."), reader: "MultiLangDaemon", jar: jar}
}

func multilangParts() []part {
	var parts []part
	for _, version := range []string{"1.3.0", "1.4.0", "1.14.10", "2.7.2", "3.1.3"} {
		p := part{
			name: "multilang-" + version, kpl: "1.0.7", consumer: multilang(version), scenarios: multilangScenarios(version),
			versions: map[string]string{"MultiLangDaemon": version, "Java": javaVersion(), "Python": pythonVersion()},
		}
		if version < "2" {
			p.kpl = "0.14.13"
		}
		parts = append(parts, p)
	}
	return append(parts, multilangLibraries())
}

// multilangLibraries is the MultiLangDaemon with AWS's own libraries for its child. Node's can't say a sub-sequence number.
func multilangLibraries() part {
	p := part{
		name: "multilang-libraries", kpl: "1.0.7", versions: map[string]string{"MultiLangDaemon": "2.7.2", "Java": javaVersion()},
	}
	node := multilangWith("2.7.2", "node "+filepath.Join(cache, "multilang-node", "child.js"))
	python := multilangWith("2.7.2", "python3 "+filepath.Join(cache, "multilang-python", "child.py"))
	for _, s := range multilangScenarios("2.7.2") {
		if s.id != "extended/inside" {
			p.scenarios = append(p.scenarios, s.on("node", node, map[string]string{"aws-kcl": nodeLibraryVersion(), "Node.js": nodeVersion()}))
		}
		p.scenarios = append(p.scenarios, s.on("python", python, map[string]string{"amazon_kclpy": pythonLibraryVersion(), "Python": pythonVersion()}))
	}
	return p
}

// multilangScenarios are what a record processor can do: where to checkpoint it says by a message to the daemon.
func multilangScenarios(version string) []scenario {
	decoded := scenario{id: "decoded", what: "read to the end", want: exact}
	afterBatch := crash("none/after-batch", "checkpoint null after the batch, then stopped hard", "none", "batch", inside, 3, exact)
	insideBatch := crash("none/inside-batch", "checkpoint null inside a batch, then stopped hard", "none", "at", inside, 3, restOfBatchLost)
	number := crash("sequence-number/inside", "sequence number alone at the 5th of 10 user records of an aggregate, then stopped hard",
		"sequence-number", "at", inside, 0, subZero)
	extended := crash("extended/inside", "sequence number and sub-sequence number at the 5th of 10 user records of an aggregate, then stopped hard",
		"extended", "at", inside, 0, exact)
	plain := crash("unaggregated/sequence-number", "put without aggregation, sequence number, then stopped hard",
		"sequence-number", "at", inside, 0, exact)
	plain.plain = true
	if version == "1.3.0" || version == "1.4.0" {
		// They know no checkpoint message with these keys, and pass over it. Nothing is stored.
		extended.what += "; no answer comes"
		extended.refuses, extended.want = `^no answer to the checkpoint message in 15s$`, allTwice
	}
	if version != "1.3.0" {
		return []scenario{decoded, afterBatch, insideBatch, number, extended, plain}
	}
	// It hands over aggregates: record processors take them apart.
	number.want = restLost
	scenarios := []scenario{afterBatch, insideBatch, number, extended, plain}
	for i := range scenarios {
		selfDeaggregating(&scenarios[i])
	}
	return append(scenarios, scenario{id: "raw", what: "read to the end; the application does not de-aggregate", raw: true, want: aggregatesLost})
}

// allTwice: no checkpoint was stored, so that all comes again.
func allTwice(p *plan) (lost, twice int) { return 0, p.stops[len(p.stops)-1] + 1 }

// The versions of AWS's libraries, as their packages say them.
var (
	nodeLibraryVersion = sync.OnceValue(func() string {
		return said("node", "-p", "require('"+filepath.Join(cache, "multilang-node", "node_modules", "aws-kcl", "package.json")+"').version")
	})
	pythonLibraryVersion = sync.OnceValue(func() string {
		const script = "import importlib.metadata as m; print(next(d.version for d in m.distributions(path=['" + cache + "/multilang-python']) if d.name == 'amazon_kclpy'))"
		return said("python3", "-c", script)
	})
)

// pythonVersion is the python3 command's own account, such as 3.11.7.
var pythonVersion = sync.OnceValue(func() string {
	out, err := exec.Command("python3", "--version").Output()
	if version, ok := strings.CutPrefix(strings.TrimSpace(string(out)), "Python "); err == nil && ok {
		return version
	}
	return "unknown"
})
