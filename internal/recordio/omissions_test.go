package recordio

import (
	"slices"
	"strings"
	"testing"
)

// TestReportedOnce: a field that can't be read is counted each time, and reported once a file, wherever in a document it is. What
// is reported may be kept.
func TestReportedOnce(t *testing.T) {
	record := `{"data":"aGk=","approximate_arrival_timestamp":"DAY","eventID":7}`
	var lines []string
	for i, form := range []string{record, `{"payload":[` + record + `]}`, record, `{"Records":[` + record + "," + record + `]}`} {
		lines = append(lines, strings.ReplaceAll(form, "DAY", "day "+string(rune('0'+i))))
	}
	for _, first := range []int{0, 1, 3} {
		var reported []string
		src := sourceOf(strings.NewReader(strings.Join(append(lines[first:first+1:first+1], lines...), "\n")), &reported)
		n := 0
		for _, err := range src.Records() {
			if n++; err != nil {
				t.Error(err)
			}
		}
		want := []string{
			`f:1: the time of arrival "day ` + string(rune('0'+first)) + `" is neither a number since 1970 nor a time with its zone`,
			`f:1: eventID "7" is not a string`,
		}
		slices.Sort(reported)
		slices.Sort(want)
		if !slices.Equal(reported, want) || src.LeftOut != int64(2*n) {
			t.Errorf("%d records, %d left out, reported: %q", n, src.LeftOut, reported)
		}
	}
}
