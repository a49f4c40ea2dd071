package cli

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/kplkit/kplkit/internal/recordio"
)

// folding tells the errors of an input, but of many of one kind only the first ones: of the others it says in the end how
// many they were. Errors are of one kind if they differ in numbers and in what is quoted only.
type folding struct {
	tell  func(error)
	kinds map[string]*errorKind
	order []*errorKind
}

// errorKind is what is known of errors of one kind.
type errorKind struct {
	n    int
	last error
}

const (
	mostOfKind = 10 // are told
	mostKinds  = 20 // all others count as one
)

var errorDetails = regexp.MustCompile(`"(\\.|[^"\\])*"|'(\\?[^ ']{1,8}| )'|[0-9]+`)

func (f *folding) add(err error) {
	var at *recordio.LineError
	if !errors.As(err, &at) { // not of a line, as that of a disk
		f.tell(err)
		return
	}
	name := errorDetails.ReplaceAllString(at.Err.Error(), "")
	if f.kinds[name] == nil && len(f.kinds) >= mostKinds {
		name = ""
	}
	k := f.kinds[name]
	if k == nil {
		if f.kinds == nil {
			f.kinds = map[string]*errorKind{}
		}
		k = new(errorKind)
		f.kinds[name], f.order = k, append(f.order, k)
	}
	k.last = err
	if k.n++; k.n <= mostOfKind {
		f.tell(err)
	}
}

// end tells of what was not told.
func (f *folding) end() {
	for _, k := range f.order {
		if k.n > mostOfKind {
			f.tell(fmt.Errorf("and %d more like these, the last one is %w", k.n-mostOfKind, k.last))
		}
	}
	f.kinds, f.order = nil, nil
}
