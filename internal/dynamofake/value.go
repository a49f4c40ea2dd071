package dynamofake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// value is one attribute value. Values are never changed in place, so items may share them.
type value struct {
	typ  string   // S, N, B, BOOL, NULL, SS, NS, BS, L or M
	text string   // of S; of N in its plain decimal form; of B its bytes
	flag bool     // of BOOL and NULL
	set  []string // of SS, NS and BS, sorted, each as in text
	list []value  // of L
	m    item     // of M
}

// item is one row of a table, or the value of an M.
type item map[string]value

// maxDepth is how deep DynamoDB lets lists and maps nest.
const maxDepth = 32

// UnmarshalJSON reads DynamoDB's form, an object with the type as its only field.
func (v *value) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	if len(fields) != 1 {
		return validation("Supplied AttributeValue must contain exactly one of the supported datatypes, has %d", len(fields))
	}
	for typ, raw := range fields {
		v.typ = typ
		if err := v.read(raw); err != nil {
			return err
		}
	}
	if v.depth() > maxDepth {
		return validation("Nesting Levels have exceeded supported limits: %d", maxDepth)
	}
	return nil
}

func (v *value) read(raw []byte) (err error) {
	switch v.typ {
	case "S":
		return json.Unmarshal(raw, &v.text)
	case "N":
		if err = json.Unmarshal(raw, &v.text); err == nil {
			v.text, err = plainNumber(v.text)
		}
		return err
	case "B":
		var b []byte
		err = json.Unmarshal(raw, &b)
		v.text = string(b)
		return err
	case "BOOL", "NULL":
		return json.Unmarshal(raw, &v.flag)
	case "SS", "NS":
		if err = json.Unmarshal(raw, &v.set); err != nil {
			return err
		}
		return v.sortSet()
	case "BS":
		var set [][]byte
		if err = json.Unmarshal(raw, &set); err != nil {
			return err
		}
		for _, b := range set {
			v.set = append(v.set, string(b))
		}
		return v.sortSet()
	case "L":
		return json.Unmarshal(raw, &v.list)
	case "M":
		return json.Unmarshal(raw, &v.m)
	}
	return validation("Supplied AttributeValue has the unknown datatype %q", v.typ)
}

func (v *value) sortSet() (err error) {
	for i := range v.set {
		if v.typ == "NS" {
			if v.set[i], err = plainNumber(v.set[i]); err != nil {
				return err
			}
		}
	}
	slices.Sort(v.set)
	switch unique := len(slices.Compact(slices.Clone(v.set))); {
	case unique == 0:
		return validation("One or more parameter values were invalid: A set may not be empty")
	case unique < len(v.set):
		return validation("One or more parameter values were invalid: Input collection contains duplicates")
	}
	return nil
}

func (v value) depth() int {
	deepest := 0
	for _, e := range v.list {
		deepest = max(deepest, e.depth())
	}
	for _, e := range v.m {
		deepest = max(deepest, e.depth())
	}
	if v.typ == "L" || v.typ == "M" {
		deepest++
	}
	return deepest
}

// MarshalJSON writes DynamoDB's form.
func (v value) MarshalJSON() ([]byte, error) {
	var field any
	switch v.typ {
	case "S", "N":
		field = v.text
	case "B":
		field = []byte(v.text)
	case "BOOL", "NULL":
		field = v.flag
	case "SS", "NS":
		field = v.set
	case "BS":
		set := make([][]byte, len(v.set))
		for i := range set {
			set[i] = []byte(v.set[i])
		}
		field = set
	case "L":
		field = append([]value{}, v.list...)
	case "M":
		if field = v.m; v.m == nil {
			field = item{}
		}
	}
	return marshal(map[string]any{v.typ: field})
}

// marshal is json.Marshal without its escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func (v value) equal(w value) bool {
	return v.typ == w.typ && v.text == w.text && v.flag == w.flag && slices.Equal(v.set, w.set) &&
		slices.EqualFunc(v.list, w.list, value.equal) && v.m.equal(w.m)
}

func (i item) equal(j item) bool {
	if len(i) != len(j) {
		return false
	}
	for name, v := range i {
		if w, ok := j[name]; !ok || !v.equal(w) {
			return false
		}
	}
	return true
}

// compare orders two values of one scalar type; false where there is no order between them.
func (v value) compare(w value) (int, bool) {
	if v.typ != w.typ {
		return 0, false
	}
	switch v.typ {
	case "S", "B":
		return strings.Compare(v.text, w.text), true
	case "N":
		return compareNumbers(v.text, w.text), true
	}
	return 0, false
}

// contains is the condition function: a part of a string or of bytes, a member of a set or list.
func (v value) contains(w value) bool {
	switch v.typ {
	case "S", "B":
		return v.typ == w.typ && strings.Contains(v.text, w.text)
	case "SS", "NS", "BS":
		return v.typ == w.typ+"S" && slices.Contains(v.set, w.text)
	case "L":
		return slices.ContainsFunc(v.list, w.equal)
	}
	return false
}

// length is the condition function size: bytes, or members.
func (v value) length() int {
	return len(v.text) + len(v.set) + len(v.list) + len(v.m)
}

// size is what a value counts in bytes, by AWS's rules for item sizes; those for numbers are approximate there too.
func (v value) size() int {
	n := len(v.text)
	switch v.typ {
	case "N":
		n = numberSize(v.text)
	case "BOOL", "NULL":
		n = 1
	case "L", "M":
		n = 3 + len(v.list) + len(v.m) + v.m.size()
		for _, e := range v.list {
			n += e.size()
		}
	}
	for _, s := range v.set {
		if v.typ == "NS" {
			n += numberSize(s)
		} else {
			n += len(s)
		}
	}
	return n
}

func (i item) size() (n int) {
	for name, v := range i {
		n += len(name) + v.size()
	}
	return n
}

func (v value) String() string { return fmt.Sprintf("%s:%s", v.typ, v.text) }
