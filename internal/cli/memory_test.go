package cli

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/internal/memory"
)

// TestMemory: what docs/format.md says of the memory of commands is so, for the worst inputs.
func TestMemory(t *testing.T) {
	stated := memory.Read(t, "../../docs/format.md")
	var inputs []memory.Input
	for _, in := range memory.Aggregates(1 << 20) {
		line := fmt.Sprintf(`{"sequence_number":"49680523304536297513748243888185500536114644917201928194","partition_key":"a","data":"%s"}`+"\n",
			base64.StdEncoding.EncodeToString(in.Data))
		inputs = append(inputs, memory.Input{Name: in.Name, Data: []byte(line)})
	}
	for _, args := range [][]string{{"deagg"}, {"inspect"}, {"inspect", "--json"}, {"inspect", "--all"}} {
		stated.Hold(t, "kplkit "+strings.Join(args, " "), inputs, func(in memory.Input) any {
			return Run(t.Context(), args, Streams{In: bytes.NewReader(in.Data), Out: io.Discard, Err: io.Discard})
		})
	}
}
