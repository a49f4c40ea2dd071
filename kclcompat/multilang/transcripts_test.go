package multilang_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/multilang"
)

// transcript is what a real daemon and a child in Python said to each other (testdata/transcripts): the version, and the
// child's checkpoint, are in its name.
type transcript struct {
	version, style, key string
	second              bool // of the run after the crash
	daemon, child       []string
}

func transcripts(t *testing.T) (all []transcript) {
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	name := regexp.MustCompile(`^([0-9.]+)-(.*)-(checkpoint|sequenceNumber)-transcript([12])\.txt$`)
	for _, file := range files {
		m := name.FindStringSubmatch(filepath.Base(file))
		text, err := os.ReadFile(file)
		if err != nil || m == nil {
			t.Fatal(file, err)
		}
		tr := transcript{version: m[1], style: m[2], key: m[3], second: m[4] == "2"}
		for line := range strings.Lines(string(text)) {
			if said, ok := strings.CutPrefix(line, "daemon->child "); ok {
				tr.daemon = append(tr.daemon, said)
			} else if said, ok := strings.CutPrefix(line, "child->daemon "); ok {
				tr.child = append(tr.child, said)
			}
		}
		all = append(all, tr)
	}
	return all
}

// understood is whether the child in a transcript had the keys of the daemon's version. Others hung.
func (tr transcript) understood() bool {
	return (tr.key == "checkpoint") == tr.old() && tr.style != "null-nosub"
}

// replay lets Run answer what the daemon said. Where it asks for a checkpoint it is answered as it was then, or in its own words.
func (tr transcript) replay(t *testing.T, p kclcompat.Processor) (said []string) {
	toChild, daemon := io.Pipe()
	child, fromChild := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- multilang.Run(t.Context(), toChild, fromChild, func(string) kclcompat.Processor { return p })
		fromChild.Close()
		toChild.Close()
	}()
	in := bufio.NewReader(child)
	for _, line := range tr.daemon {
		if strings.HasPrefix(line, `{"action":"checkpoint"`) {
			continue
		}
		io.WriteString(daemon, line)
		for {
			answer, err := in.ReadString('\n')
			if err != nil {
				break
			}
			if said = append(said, answer); !strings.HasPrefix(answer, `{"action":"checkpoint"`) {
				break
			}
			io.WriteString(daemon, strings.TrimSuffix(answer, "}\n")+`,"error":null}`+"\n")
		}
	}
	daemon.Close()
	<-ended
	return said
}

// TestTranscripts: of what real daemons said, each user record comes once, in order and at its place; at the end of a batch
// and inside an aggregate Run asks for what the child in the transcript asked for, where that lost and repeated nothing.
func TestTranscripts(t *testing.T) {
	for _, tr := range transcripts(t) {
		var texts, positions []string
		var known multilang.Daemon
		_ = tr.replay(t, writer(func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
			known, _ = multilang.FromContext(ctx)
			for _, u := range b.Records {
				at, err := u.Position()
				if err != nil {
					t.Error(err)
				}
				texts, positions = append(texts, string(u.Data)), append(positions, at.String())
				c.Done(u)
				if tr.style == "sub" && string(u.Data) == "a02u01" && !tr.second {
					if _, err := c.Checkpoint(ctx); err != nil {
						return err
					}
				}
			}
			if tr.style == "end" {
				_, err := c.Checkpoint(ctx)
				return err
			}
			return nil
		}))
		first := "a01u00"
		if tr.second {
			first = map[string]string{"end": "END", "sub": "a02u02", "seq": "a02u01"}[tr.style]
			if tr.version == "1.3.0" && tr.style == "seq" {
				first = "a03u00"
			}
			if !tr.understood() {
				first = "a01u00" // nothing was stored
			}
		}
		if len(texts) == 0 || texts[0] != first {
			t.Errorf("%+v: begins with %.20q, want %s", tr.name(), texts, first)
		}
		want := map[string]string{"1.3.0": "1.3", "1.4.0": "1.4"}[tr.version]
		if want == "" {
			want = "1.7.2 or newer"
		}
		if known.Version != want && !(len(texts) == 1 && known.Version == "1.3 or 1.4") {
			t.Errorf("%s: taken for %s", tr.name(), known.Version)
		}
		if known.From.IsValid() != (want == "1.7.2 or newer") {
			t.Errorf("%s: from %s", tr.name(), known.From)
		}
		for i, text := range texts {
			if len(text) == 6 && text[4:] != "0"+positions[i][len(positions[i])-1:] && tr.version != "1.4.0" {
				t.Errorf("%s: %s is at %s", tr.name(), text, positions[i])
			}
		}
	}
}

func (tr transcript) name() string {
	return tr.version + "-" + tr.style + "-" + tr.key + map[bool]string{false: "-1", true: "-2"}[tr.second]
}

// TestTranscriptsSaid: the lines are the ones that the child in the transcript wrote, as JSON.
func TestTranscriptsSaid(t *testing.T) {
	compared := 0
	for _, tr := range transcripts(t) {
		if tr.second || !tr.understood() || tr.style == "seq" {
			continue
		}
		said := tr.replay(t, writer(func(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
			for _, u := range b.Records {
				c.Done(u)
				if string(u.Data) == "a02u01" && tr.style == "sub" {
					_, err := c.Checkpoint(ctx)
					return err
				}
			}
			_, err := c.Checkpoint(ctx)
			return err
		}))
		for i, line := range tr.child {
			var want, got map[string]any
			if err := json.Unmarshal([]byte(line), &want); err != nil || i >= len(said) || json.Unmarshal([]byte(said[i]), &got) != nil {
				t.Fatalf("%s: %q, want %q (%v)", tr.name(), said, line, err)
			}
			if want["action"] == "checkpoint" && want["sequenceNumber"] == nil && !tr.old() {
				continue // kplkit says the last user record in place of "all", which is the same
			}
			compared++
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s, want %s", tr.name(), said[i], line)
			}
		}
	}
	if compared < 10 {
		t.Errorf("%d lines compared", compared)
	}
}

func (tr transcript) old() bool { return tr.version == "1.3.0" || tr.version == "1.4.0" }
