package matrix

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// question is one that a team has asked in a public tracker, in our words, and what has to be in the answer.
type question struct {
	Source      string      `json:"source"` // owner/repository#number
	Question    string      `json:"question"`
	Producer    string      `json:"producer"` // and the other flags of kplkit matrix check
	Consumer    string      `json:"consumer"`
	Via         string      `json:"via"`
	KCL         string      `json:"kcl"`
	Checkpoint  string      `json:"checkpoint"`
	StreamMode  string      `json:"stream_mode"`
	Aggregation Aggregation `json:"aggregation"`
	Says        []string    `json:"says"`
}

// TestQuestions: what teams have asked gets the answer that a maintainer of the project in question has given, or would, or
// unknown with what would settle it.
func TestQuestions(t *testing.T) {
	file, err := os.Open("testdata/questions.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	sources := map[string]bool{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var q question
		decoder := json.NewDecoder(strings.NewReader(lines.Text()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&q); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		if !regexp.MustCompile(`^[\w.-]+/[\w.-]+#\d+$`).MatchString(q.Source) || q.Question == "" || len(q.Says) == 0 {
			t.Errorf("incomplete: %s", lines.Text())
		}
		sources[q.Source] = true
		t.Run(q.Source, func(t *testing.T) { q.check(t) })
	}
	if len(sources) < 50 {
		t.Errorf("%d sources, want 50", len(sources))
	}
}

func (q question) check(t *testing.T) {
	p, errProducer := ParseProducer(map[bool]string{true: "java", false: q.Producer}[q.Producer == ""])
	c, errConsumer := ParseConsumer(q.Consumer, q.Via, q.KCL, q.Checkpoint)
	stream, errStream := ParseStream(q.StreamMode)
	if errProducer != nil || errConsumer != nil || errStream != nil {
		t.Fatal(errProducer, errConsumer, errStream)
	}
	c.Stream = stream
	v := Check(Today, p, c)
	if v.Aggregation != q.Aggregation {
		t.Errorf("%s: %s by %s, want %s", q.Question, v.Aggregation, v.Rule, q.Aggregation)
	}
	text := v.AtStake + "\n" + v.Change + "\n" + v.Reason
	for _, e := range v.Evidence {
		text += "\n" + e.String()
	}
	for _, says := range q.Says {
		if !strings.Contains(text, says) {
			t.Errorf("%s: %s lacks %q:\n%s", q.Question, v.Rule, says, text)
		}
	}
}
