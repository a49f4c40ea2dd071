package kinesisjson

import "slices"

// maxFields is how many fields an object may have that is changed: twice as many as any request has, and more.
const maxFields = 64

// Object is a request, an answer, or an object in one: its fields in order, each as it came or as it was set. The zero
// Object has no format, and so can't be written.
type Object struct {
	format Format
	fields []field
}

type field struct {
	name  string
	value []byte // in the object's format
}

// NewObject returns an object without fields.
func NewObject(f Format) Object { return Object{format: f} }

// ReadObject reads an object, such as the body of a request. Its fields may hold anything. The error is [ErrUnusual].
func ReadObject(body []byte) (Object, error) { return readObject(FormatOf(body), body) }

func readObject(f Format, body []byte) (Object, error) {
	o := Object{format: f}
	l := new(lexers).of(f, body)
	for v, ok := l.more(l.open(false)); ok; v, ok = l.more(v) {
		name := o.newName(l)
		o.fields = append(o.fields, field{name, l.skip()})
	}
	return o, l.end()
}

// newName reads the name of a field that o does not have yet.
func (o *Object) newName(l lexer) string {
	name := stringOf(l.name())
	if len(o.fields) == maxFields || o.index(name) >= 0 {
		l.fail("a field that is there twice, or too many")
	}
	return name
}

func (o *Object) index(name string) int {
	return slices.IndexFunc(o.fields, func(f field) bool { return f.name == name })
}

// Format returns how o is written.
func (o *Object) Format() Format { return o.format }

// Clone returns an object that can be changed without changing o.
func (o *Object) Clone() Object { return Object{o.format, slices.Clone(o.fields)} }

// Raw returns the value of a field as it came, nil if there is none or it is null.
func (o *Object) Raw(name string) []byte {
	i := o.index(name)
	if i < 0 || new(lexers).of(o.format, o.fields[i].value).null() {
		return nil
	}
	return o.fields[i].value
}

// Text returns the value of a field that holds a text.
func (o *Object) Text(name string) (string, bool) {
	l := new(lexers).of(o.format, o.Raw(name))
	text := l.text()
	return text, l.end() == nil
}

// Int returns the value of a field that holds an integer.
func (o *Object) Int(name string) (int64, bool) {
	l := new(lexers).of(o.format, o.Raw(name))
	n := l.integer()
	return n, l.end() == nil
}

// Object returns the value of a field that holds an object. To change it, set it again.
func (o *Object) Object(name string) (Object, bool) {
	inner, err := readObject(o.format, o.Raw(name))
	return inner, err == nil
}

// SetText sets a field to a text, in its place if it is there, else after the others. So do the methods below. What is
// not UTF-8 in it becomes U+FFFD.
func (o *Object) SetText(name, text string) { o.set(name, o.format.appendText(nil, text)) }

// SetInt sets a field to an integer.
func (o *Object) SetInt(name string, n int64) { o.set(name, o.format.appendInt(nil, n)) }

// SetMilliseconds sets a field to a time, in milliseconds since 1970.
func (o *Object) SetMilliseconds(name string, ms int64) {
	o.set(name, o.format.appendMilliseconds(nil, ms))
}

// SetObject sets a field to an object of the same format.
func (o *Object) SetObject(name string, inner Object) { o.set(name, inner.AppendTo(nil)) }

func (o *Object) set(name string, value []byte) {
	if i := o.index(name); i >= 0 {
		o.fields[i].value = value
		return
	}
	o.fields = append(o.fields, field{name, value})
}

// Delete takes a field away.
func (o *Object) Delete(name string) {
	o.fields = slices.DeleteFunc(o.fields, func(f field) bool { return f.name == name })
}

// AppendTo appends the object to dst.
func (o *Object) AppendTo(dst []byte) []byte {
	dst = o.appendFields(o.format.appendOpen(dst, false), true)
	return o.format.appendClose(dst, false)
}

func (o *Object) appendFields(dst []byte, first bool) []byte {
	for i := range o.fields {
		dst = o.format.appendName(o.format.appendComma(dst, first && i == 0), o.fields[i].name)
		dst = append(dst, o.fields[i].value...)
	}
	return dst
}
