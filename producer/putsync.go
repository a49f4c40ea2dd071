package producer

import (
	"context"
	"errors"
)

// PutSync puts records and waits for their results, which are in the order of the records. What does not fill a request
// waits for the linger time first, but all of it together: many records wait no longer than one.
//
// Each record has a result, also one that Put did not take. If ctx is done before, what was taken stays under way, its
// results are lost, and no more is put. The error joins those of the results: nil if all are stored, or there are none.
func (p *Producer) PutSync(ctx context.Context, rs ...Record) ([]Result, error) {
	if p.isZero() {
		return nil, errZero
	}
	if len(rs) == 0 {
		return nil, nil
	}
	w := &syncPut{results: make([]Result, len(rs)), answers: make(chan answer, len(rs))}
	for i, r := range rs {
		w.put(i, p.Put(ctx, r, func(_ Record, res Result) { w.answers <- answer{i, res} }))
	}
	w.wait(ctx)
	errs := make([]error, len(rs))
	for i := range w.results {
		res := &w.results[i]
		if res.Err == errUnderWay {
			res.Err = p.errorOf(&pending{Record: rs[i]}, waited("PutSync waited for its result; it stays under way", ctx.Err()))
		}
		errs[i] = res.Err
	}
	return w.results, errors.Join(errs...)
}

// syncPut is a call of PutSync.
type syncPut struct {
	results  []Result
	underWay int
	answers  chan answer // has room for all: done must not block, whoever listens
}

// answer is the result of the i-th record.
type answer struct {
	i      int
	result Result
}

// errUnderWay stands for a result that has not come.
var errUnderWay = errors.New("under way")

func (w *syncPut) put(i int, err error) {
	if err == nil {
		err = errUnderWay
		w.underWay++
	}
	w.results[i].Err = err
}

// wait takes answers, those that are there by then if ctx is done before.
func (w *syncPut) wait(ctx context.Context) {
	for ; w.underWay > 0; w.underWay-- {
		var a answer
		select {
		case a = <-w.answers:
		default:
			select {
			case a = <-w.answers:
			case <-ctx.Done():
				return
			}
		}
		w.results[a.i] = a.result
	}
}
