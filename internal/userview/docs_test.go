package userview_test

import (
	"os"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/internal/userview"
)

// TestBoundsAreDocumented: docs/proxy.md says what holds.
func TestBoundsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/proxy.md")
	if err != nil {
		t.Fatal(err)
	}
	body, answer, event, all := userview.DefaultBounds()
	for want, holds := range map[string]bool{
		"32 MiB each as they come": body == 32<<20, "All together take 1 GiB": all == 1<<30, "An answer of about 64 MiB is cut": answer == 64<<20,
		"of GetRecords less than 512 KiB":         userview.PieceSize == 512<<10,
		"one of more than 8 MiB comes as several": event <= 8<<20 && event > 7<<20,
	} {
		if !holds || !strings.Contains(string(text), want) {
			t.Errorf("%q does not hold, or docs/proxy.md does not say it", want)
		}
	}
}
