package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
)

// encode writes the anatomy as a line of JSON, an element of its lists at a time: they may have one for every two bytes of
// the record.
func (a *anatomy) encode(w *bufio.Writer) error {
	head := *a
	head.PartitionKeys, head.ExplicitKeys, head.UserRecords, head.Problems = nil, nil, nil, nil
	b, err := json.Marshal(head)
	if err != nil {
		return err
	}
	_, _ = w.Write(bytes.TrimSuffix(b, []byte("}"))) // w keeps its error until it is flushed
	e := elements{Writer: w}
	e.json = json.NewEncoder(&e.element)
	encodeList(&e, "partition_key_table", a.PartitionKeys)
	encodeList(&e, "explicit_hash_key_table", a.ExplicitKeys)
	encodeList(&e, "user_records", a.UserRecords)
	encodeList(&e, "problems", a.Problems)
	_, _ = w.WriteString("}\n")
	return e.err
}

// elements writes the elements of lists.
type elements struct {
	*bufio.Writer
	element bytes.Buffer
	json    *json.Encoder
	err     error
}

func encodeList[T any](e *elements, name string, list []T) {
	if len(list) == 0 {
		return
	}
	_, _ = e.WriteString(`,"` + name + `":`)
	for i := range list {
		_ = e.WriteByte("[,"[min(i, 1)])
		e.element.Reset()
		if err := e.json.Encode(&list[i]); err != nil && e.err == nil {
			e.err = err
		}
		_, _ = e.Write(bytes.TrimSuffix(e.element.Bytes(), []byte("\n")))
	}
	_ = e.WriteByte(']')
}
