package cli

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/recordio"
)

// largestOpened is how large the data of a user record may get when it is opened: three times what a stream takes as a
// record, and little enough that kplkit reads the line again. What was made to blow up is not.
const largestOpened = 32 << 20

// unwrapper opens the data of user records that are packed once more.
type unwrapper struct {
	gzip, zlib, cwl bool
	counts          unwrapCounts
	opened          bytes.Buffer
	in              bytes.Reader
	gunzip          gzip.Reader
	inflate         io.ReadCloser // nil: not needed so far
}

// unwrapCounts counts user records by what they were, and what came out of them where that is not one user record.
type unwrapCounts struct {
	Gzip      int64 `json:"gzip"`
	Zlib      int64 `json:"zlib"`
	CWL       int64 `json:"cwl"` // with log events
	LogEvents int64 `json:"cwl_log_events"`
	Control   int64 `json:"cwl_control"` // control messages: nothing comes out
	NotPacked int64 `json:"not_packed"`  // they start like gzip or zlib, and are not, or are damaged, or not a subscription: left as they are
	TooLarge  int64 `json:"too_large"`   // left as they are
}

func (c *unwrapCounts) String() string {
	return fmt.Sprintf("gzip %d, zlib %d, cwl %d (log events %d), control messages %d, not packed %d, too large %d",
		c.Gzip, c.Zlib, c.CWL, c.LogEvents, c.Control, c.NotPacked, c.TooLarge)
}

func newUnwrapper(forms []string) (*unwrapper, error) {
	u := new(unwrapper)
	if len(forms) == 0 {
		forms = []string{""} // as --unwrap= has it
	}
	for _, form := range forms {
		switch strings.TrimSpace(form) {
		case "gzip":
			u.gzip = true
		case "zlib":
			u.zlib = true
		case "cwl":
			u.cwl = true
		default:
			return nil, fmt.Errorf("--unwrap %q: want gzip, zlib, cwl, or several of them with commas", form)
		}
	}
	return u, nil
}

var errTooLarge = fmt.Errorf("more than %d MiB when opened: left as it is", largestOpened>>20)

// open returns what data is, "gzip", "zlib" or "cwl", and what is in it, valid until the next call. Without a form, data
// stays as it is; errTooLarge is the only error.
func (u *unwrapper) open(data []byte) (form string, opened []byte, err error) {
	switch {
	case (u.gzip || u.cwl) && bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		opened, err = u.unpack(data, u.gunzipReader)
		form = "gzip"
		if s, ok := u.subscription(opened, err); ok {
			if s.tooLarge() {
				err = errTooLarge
				break
			}
			return "cwl", opened, nil
		}
	case u.zlib && isZlib(data):
		form = "zlib"
		opened, err = u.unpack(data, u.inflateReader)
	}
	switch {
	case form == "":
		return "", nil, nil
	case err == errTooLarge:
		u.counts.TooLarge++
		return "", nil, err
	case err != nil:
		u.counts.NotPacked++
		return "", nil, nil
	case form == "gzip" && !u.gzip: // it could have been cwl
		u.counts.NotPacked++
		return "", nil, nil
	}
	if form == "gzip" {
		u.counts.Gzip++
	} else {
		u.counts.Zlib++
	}
	return form, opened, nil
}

// subscription reads what came out of gzip, without an error, as one of CloudWatch Logs.
func (u *unwrapper) subscription(opened []byte, err error) (s subscription, ok bool) {
	if err != nil || !u.cwl {
		return s, false
	}
	return walkSubscription(opened, nil)
}

// isZlib knows a header of zlib that needs no dictionary (source: RFC 1950).
func isZlib(data []byte) bool {
	return len(data) >= 2 && data[0]&0x8f == 8 && data[1]&0x20 == 0 && (int(data[0])<<8|int(data[1]))%31 == 0
}

func (u *unwrapper) unpack(data []byte, open func() (io.Reader, error)) ([]byte, error) {
	const keep = 1 << 20
	if u.opened.Cap() > keep {
		u.opened = bytes.Buffer{}
	}
	u.opened.Reset()
	u.in.Reset(data)
	r, err := open()
	if err != nil {
		return nil, err
	}
	n, err := u.opened.ReadFrom(io.LimitReader(r, largestOpened+1))
	switch {
	case n > largestOpened:
		return nil, errTooLarge
	case err == nil && u.in.Len() > 0:
		err = errors.New("something else follows")
	}
	return u.opened.Bytes(), err
}

func (u *unwrapper) gunzipReader() (io.Reader, error) { return &u.gunzip, u.gunzip.Reset(&u.in) }

func (u *unwrapper) inflateReader() (_ io.Reader, err error) {
	if u.inflate == nil {
		u.inflate, err = zlib.NewReader(&u.in)
	} else {
		err = u.inflate.(zlib.Resetter).Reset(&u.in, nil)
	}
	return u.inflate, err
}

// writeUnwrapped writes what is in a user record that is packed once more. It returns false if that is not so.
func (d *deaggregation) writeUnwrapped(u *deagg.UserRecord, r *recordio.Record) bool {
	form, opened, err := d.unwrap.open(u.Data)
	switch {
	case err != nil:
		d.tooLarge(r.At(fmt.Errorf("user record %d: %w", u.SubSequenceNumber, err)))
		return false
	case form == "":
		return false
	case form == "cwl":
		d.writeEvents(u, r, opened)
		return true
	}
	inner := *u
	inner.Data = opened
	d.put(&inner, r, func(b []byte) []byte { return appendUnwrapped(b, form) })
	return true
}

// writeEvents writes a line for each event. Only the last one has the sequence number of its user record, and says
// whether that was the last one of its stored record: whoever goes on after the position of any line misses no event.
func (d *deaggregation) writeEvents(u *deagg.UserRecord, r *recordio.Record, text []byte) {
	s, _ := walkSubscription(text, nil)
	if s.control() {
		d.unwrap.counts.Control++
		return
	}
	d.unwrap.counts.CWL++
	d.unwrap.counts.LogEvents += int64(s.events)
	i := 0
	walkSubscription(text, func(e logEvent) {
		inner := *u
		inner.Data = []byte(e.message)
		if i < s.events-1 {
			inner.SequenceNumber, inner.Last = "", false
		}
		d.put(&inner, r, func(b []byte) []byte { return s.appendEvent(b, e, i, s.events, u.SequenceNumber) })
		i++
	})
}

// tooLarge keeps the first few of what is said in the end.
func (d *deaggregation) tooLarge(err error) {
	const most = 10
	if len(d.closed) < most {
		d.closed = append(d.closed, err)
	}
}
