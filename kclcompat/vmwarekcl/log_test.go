package vmwarekcl_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/kplkit/kplkit/internal/sim"
)

// TestWarningsOfDeaggregation: what deaggaws warns of goes to the logger of vmware's configuration, with the shard.
func TestWarningsOfDeaggregation(t *testing.T) {
	for _, fanOut := range []bool{false, true} {
		sim.Run(t, 1, sim.Faults{}, func(w *sim.World) {
			w.CreateStream("s", 1)
			putAggregates(w.T, w.Control(), 2, 3)
			first := (&calls{}).run(w.T, w.Host("one"), newConfig("one"))
			time.Sleep(10 * time.Second)
			first.Shutdown()
			records := w.Kinesis.Records("s")[shard0]
			before, at := records[0].SequenceNumber, records[1].SequenceNumber
			change(w, shard0, "SET Checkpoint = :before, kplkitPosition = :at", map[string]ddbtypes.AttributeValue{
				":before": &ddbtypes.AttributeValueMemberS{Value: before},
				":at":     &ddbtypes.AttributeValueMemberS{Value: fmt.Sprintf("%s|%s:9", before, at)},
			})
			cfg, log := newConfig("two"), &warnings{}
			if fanOut {
				cfg.WithEnhancedFanOutConsumerARN(register(w))
			}
			(&calls{}).run(w.T, w.Host("two"), cfg.WithLogger(log))
			time.Sleep(10 * time.Second)
			if !slices.ContainsFunc(log.all(), func(line string) bool {
				return strings.Contains(line, "beyond the end of its aggregate") && strings.HasSuffix(line, fmt.Sprintf(": checkpoint %s:9, shard %s", at, shard0))
			}) {
				w.T.Errorf("fan-out %v: %q", fanOut, log.all())
			}
		})
	}
}
