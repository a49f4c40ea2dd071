package cli

import (
	"bytes"
	"crypto/md5"
	"encoding/xml"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/recordio"
	"github.com/kplkit/kplkit/internal/wire"
)

func dissected(data string) *anatomy {
	return dissect(&recordio.Record{StoredRecord: deagg.StoredRecord{Data: []byte(data)}})
}

func framed(message string) string {
	sum := md5.Sum([]byte(message))
	return wire.Magic + message + string(sum[:])
}

// However large or strange a record is, its drawing is XML of a bounded size that holds no markup of the record's.
func TestSVGBounds(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":       "",
		"magic":         wire.Magic,
		"plain":         strings.Repeat("</svg>", 1<<20),
		"empty records": framed(strings.Repeat("\x1a\x00", 1<<18)),
		"small records": framed("\x0a\x01k" + strings.Repeat("\x1a\x04\x08\x00\x1a\x00", 50_000)),
		"long key":      framed("\x0a\xc0\x84\x3d" + strings.Repeat("<\x00\xff]]>&", 1_000_000/7+1)[:1_000_000] + "\x1a\x04\x08\x00\x1a\x00"),
		"many keys":     framed(strings.Repeat("\x0a\x05\"<&>'", 50_000)),
		"damage":        framed(strings.Repeat("\x1a\x03\x1a\x7f\x00", 50_000)),
		"unknown":       framed(strings.Repeat("\x70\x01", 50_000)),
	} {
		a := dissected(data)
		text := drawSVG(a)
		if len(text) > 512<<10 {
			t.Errorf("%s: %d KiB", name, len(text)>>10)
		}
		d := xml.NewDecoder(bytes.NewReader(text))
		for {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
			if e, ok := token.(xml.StartElement); ok && !strings.Contains(" svg title style rect text ", " "+e.Name.Local+" ") {
				t.Errorf("%s: an element %s", name, e.Name.Local)
			}
		}
	}
}

// The regions cover a record, in order and without gaps, whatever it holds.
func FuzzRegions(f *testing.F) {
	f.Add([]byte(framed("\x0a\x01k\x1a\x08\x08\x00\x10\x00\x1a\x01x\x22\x00\x1a\x04\x08\x00\x1a\x00")))
	f.Add([]byte(framed("\x0a\x01k\x1a\x03\x1a\x7f\x00\x70\x01")))
	f.Add([]byte("plain"))
	f.Fuzz(func(t *testing.T, data []byte) {
		at := 0
		dissected(string(data)).eachRegion(func(r region) {
			if r.start != at || r.end <= r.start {
				t.Errorf("%+v begins after %d", r, at)
			}
			at = r.end
		})
		if at != len(data) {
			t.Errorf("%d of %d bytes have a region", at, len(data))
		}
	})
}

// The text on each block can be read: a contrast of 7 or more (WCAG's AAA) in both schemes.
func TestSVGContrast(t *testing.T) {
	for kind, c := range svgColours {
		for i, ink := range []string{"#1b1f24", "#f0f3f6"} {
			if got := contrast(t, c[i], ink); got < 7 {
				t.Errorf("%s, scheme %d: %.1f", regionNames[kind], i, got)
			}
		}
	}
}

// contrast is WCAG's, of two colours #rrggbb.
func contrast(t *testing.T, a, b string) float64 {
	luminance := func(colour string) float64 {
		n, err := strconv.ParseUint(colour[1:], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		var sum float64
		for i, weight := range []float64{0.0722, 0.7152, 0.2126} {
			c := float64(n>>(8*i)&255) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum + 0.05
	}
	x, y := luminance(a), luminance(b)
	return max(x, y) / min(x, y)
}
