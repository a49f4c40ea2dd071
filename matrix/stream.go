package matrix

import "fmt"

// Stream is how the stream places records and scales.
type Stream uint8

// The kinds of streams. The zero Stream is not said: it may be any but a service-managed one.
const (
	Provisioned    Stream = iota + 1
	OnDemand              // splits and merges its shards by itself
	ServiceManaged        // on demand with the record distribution strategy AUTO: partition keys do not decide where records land
)

var streamNames = map[string]Stream{
	"": 0, "provisioned": Provisioned, "on-demand": OnDemand, "ondemand": OnDemand, "service-managed": ServiceManaged, "auto": ServiceManaged,
}

// ParseStream reads provisioned, on-demand or service-managed, and nothing for what is not said.
func ParseStream(s string) (Stream, error) {
	if v, ok := streamNames[plainName(s)]; ok {
		return v, nil
	}
	names := []string{"provisioned", "on-demand", "service-managed"}
	return 0, fmt.Errorf("stream mode %q%s: known are provisioned, on-demand, service-managed", s, didYouMean(plainName(s), names))
}
