package kplkit_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// speed is what README.md says of docs/performance.md: each %s is the figure of a row there.
var speed = []struct {
	what, says string
	rows       []string // as they begin; the figure is in the third column, or in the last if the row ends with a *
}{
	{"taking apart 50 KB aggregates of 100-byte user records, MD5 included", "%s times as fast as awslabs' Go de-aggregator, %s times as fast as the Java KCL 3.5.1, warm; by AVX2 alone %s and %s times", []string{
		"MD5 of many aggregates, 100 B records, keys ten an aggregate, × awslabs Go", "MD5 of many aggregates, 100 B records, keys ten an aggregate, × Java KCL 3.5.1 warm",
		"MD5 of many aggregates, 100 B records, keys ten an aggregate, by AVX2, × awslabs Go", "MD5 of many aggregates, 100 B records, keys ten an aggregate, by AVX2, × Java KCL 3.5.1 warm",
	}},
	{"GetRecords through `deaggaws`, 10,000 user records of 100 bytes", "%s of the CPU time of the SDK alone, which hands out aggregates; with awslabs' de-aggregation %s", []string{
		"GetRecords through deaggaws, 100 B, 10,000 records, CPU of the SDK alone", "100 | 10,000 records |*",
	}},
	{"`vmwarekcl`", "%s of vmware-go-kcl-v2's own pass", []string{"vmwarekcl, per 100 B record, of vmware's own pass"}},
	{"`kplkit deagg --data raw`, whole process", "%s times as fast as Python's, %s times as Node's de-aggregator", []string{
		"`kplkit deagg --data raw`, × Python, whole process", "`kplkit deagg --data raw`, × Node, whole process",
	}},
	{"`producer`, 4 shards, records of 100 bytes, 1 KB, 10 KB", "%s, %s and %s of a8m/kinesis-producer v0.2.0, which reports no results and looks at no shards; %s with 1,000 shards and 100 bytes", []string{
		"producer, 4 shards, 100 B, CPU of a8m", "producer, 4 shards, 1000 B, CPU of a8m", "producer, 4 shards, 10000 B, CPU of a8m", "producer, 1000 shards, 100 B, CPU of a8m",
	}},
	{"`producer/aggregator`, 100 bytes, 1 KB", "%s and %s times as fast as a8m's", []string{"aggregator, × a8m, 100 B", "aggregator, × a8m, 1000 B"}},
}

// TestSpeedFigures: README.md says what docs/performance.md does.
func TestSpeedFigures(t *testing.T) {
	text, err := os.ReadFile("docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	b := table("", "")
	for _, s := range speed {
		var figures []any
		for _, row := range s.rows {
			figures = append(figures, figureOf(t, string(text), row))
		}
		b.row(s.what, fmt.Sprintf(s.says, figures...))
	}
	readme := holdBlocks(t, "README.md", map[string]string{"speed": b.String()})
	if strings.Contains(readme, "All of its goals were met") == strings.Contains(string(text), "**missed**") {
		t.Error("README.md says that all goals were met, and docs/performance.md that one was missed, or neither")
	}
}

func figureOf(t *testing.T, text, row string) string {
	begin, inLast := strings.CutSuffix(row, "*")
	for _, cells := range tableRows(text) {
		switch {
		case !strings.HasPrefix(strings.Join(cells, " | "), begin):
		case inLast:
			return cells[len(cells)-1]
		case len(cells) > 2:
			return strings.TrimSuffix(cells[2], ".0")
		}
	}
	t.Fatalf("docs/performance.md lacks a row %q", begin)
	return ""
}
