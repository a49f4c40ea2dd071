package matrix

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// parseKPL reads a version of the KPL: 0.14, 0.14.13 or 1.0.x.
func parseKPL(s string) (kpl [3]int, err error) {
	parts := strings.Split(strings.TrimSuffix(s, ".x"), ".")
	if len(parts) > 3 {
		return kpl, fmt.Errorf("want a version of the KPL such as 0.14, 0.14.13 or 1.0")
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return kpl, fmt.Errorf("want a version of the KPL such as 0.14, 0.14.13 or 1.0")
		}
		kpl[i] = int(n)
	}
	switch {
	case len(parts) == 2 && kpl == [3]int{0, 15}, len(parts) == 1 && kpl[0] == 0:
		return kpl, fmt.Errorf("KPL 0.15.10 and 0.15.11 differ: say which it is")
	case kpl[0] == 0 && kpl[1] <= 15, kpl[0] == 1 && kpl[1] == 0:
		return kpl, nil
	}
	return kpl, fmt.Errorf("KPL %s is not known here: those up to 0.15 and 1.0 are", s)
}

// What a KPL does with an aggregate that has a stray: one up to 0.15.10 stores all of it again, a newer one the strays alone.
const (
	storesAll    = "0.15.10 and older"
	storesStrays = "newer than 0.15.10"
)

// strays is one of them, nothing where the version is not said.
func (p Producer) strays() string {
	switch {
	case p.kpl == [3]int{}:
		return ""
	case slices.Compare(p.kpl[:], []int{0, 15, 10}) <= 0:
		return storesAll
	}
	return storesStrays
}
