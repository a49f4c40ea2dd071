package bench

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/kplkit/kplkit/internal/md5x"
)

// writeDocument writes performance.md and its plots into a folder.
func (s *session) writeDocument(folder string) {
	var b strings.Builder
	b.WriteString("# Performance\n\nCPU time of kplkit and of its peers on the same data, in one run of\n\n" +
		"```\ncd bench && go test -count 1 -timeout 20m -run TestPerformance -v -write ../docs .\n```\n\n")
	fmt.Fprintf(&b, "on %s. The command wrote this page; the peers in other languages are those that `interop/run.sh` installs.\n\n", time.Now().UTC().Format("2006-01-02"))
	writeTable(&b, []string{"what", "it was"}, machine())
	fmt.Fprintf(&b, "CPU time is that of a whole process: all threads, the garbage collector's and the kernel's included. Contenders take turns, %d rounds "+
		"of at least %v each; figures are medians, ratios those within a round. Absolute figures are the machine's; the ratios are what to compare. "+
		"A figure that misses its goal says so.\n\n## Goals\n\n", s.rounds, s.each)
	var goals []goal
	for _, p := range s.parts {
		goals = append(goals, p.goals...)
	}
	writeTable(&b, []string{"figure", "goal", "measured", "range", ""}, goalRows(goals))
	for _, p := range s.parts {
		own := *p
		own.goals = nil // they stand above
		fmt.Fprintf(&b, "## %s\n\n%s", p.title, own.text())
		for _, plot := range s.plots {
			if plot.part == p {
				fmt.Fprintf(&b, "![%s](%s.svg)\n\n", plot.title, plot.name)
				s.writeFile(filepath.Join(folder, plot.name+".svg"), plot.svg())
			}
		}
	}
	s.writeFile(filepath.Join(folder, "performance.md"), strings.TrimRight(b.String(), "\n")+"\n")
}

func (s *session) writeFile(name, text string) {
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		s.t.Error(err)
	}
}

// machine is what the figures hang on.
func machine() [][]string {
	rows := [][]string{
		{"processor", fmt.Sprintf("%s, %d used, MD5 in %d lanes", processor(), runtime.GOMAXPROCS(0), md5x.Lanes())},
		{"system", runtime.GOOS + "/" + runtime.GOARCH},
		{"Go", runtime.Version()},
	}
	for _, path := range []string{
		"github.com/aws/aws-sdk-go-v2/service/kinesis", "github.com/awslabs/kinesis-aggregation/go/v2", "github.com/a8m/kinesis-producer",
	} {
		version, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", path).Output() // a test does not have it in itself
		if err == nil {
			rows = append(rows, []string{path, strings.TrimSpace(string(version))})
		}
	}
	for _, of := range []struct{ what, command, flag string }{{"Java", "java", "-version"}, {"Node", "node", "--version"}, {"Python", "python3", "--version"}} {
		out, err := exec.Command(of.command, of.flag).CombinedOutput()
		version, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if err != nil {
			version = "not installed"
		}
		rows = append(rows, []string{of.what, version})
	}
	return rows
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
