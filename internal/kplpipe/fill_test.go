package kplpipe

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"
)

// fill draws the fields of a message.
func fill(t *rapid.T, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case f.IsList():
			for range rapid.IntRange(0, 3).Draw(t, "length") {
				fill(t, m.Mutable(f).List().AppendMutable().Message())
			}
		case f.Cardinality() != protoreflect.Required && rapid.Bool().Draw(t, "absent"):
		case f.Kind() == protoreflect.MessageKind:
			fill(t, m.Mutable(f).Message())
		default:
			m.Set(f, scalar(t, f))
		}
	}
}

func scalar(t *rapid.T, f protoreflect.FieldDescriptor) protoreflect.Value {
	name := string(f.Name())
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, name))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.IntRange(0, 1).Draw(t, name)))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(rapid.Uint32().Draw(t, name))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, name))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(rapid.Float64().Draw(t, name))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(string(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, name))) // any bytes, as partition keys
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, name))
	}
	panic("a kind that the schema did not have: " + f.Kind().String())
}
