package dynamofake

import (
	"cmp"
	"hash/fnv"
	"regexp"
	"slices"
)

// table keeps its rows in the order that a Scan returns them. Row changes replace the item, so items may be handed out.
type table struct {
	name       string
	attributes []attributeDefinition
	key        schema
	indexes    []index
	billing    billing
	rows       []item
}

type attributeDefinition struct{ AttributeName, AttributeType string }

type keyElement struct{ AttributeName, KeyType string }

// schema names the attributes of a key; no sort key is "".
type schema struct{ hash, sort string }

// index is a global secondary index. It stores nothing: reading it sorts the table, which suits small tables.
type index struct {
	IndexName  string
	KeySchema  []keyElement
	Projection struct {
		ProjectionType   string
		NonKeyAttributes []string `json:",omitempty"`
	}
	ProvisionedThroughput              *throughput
	OnDemandThroughput, WarmThroughput without

	key schema
}

var tableName = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,255}$`)

const (
	maxItem    = 400 << 10 // bytes of one item
	maxHashKey = 2048      // bytes of a partition key
	maxSortKey = 1024
)

// newSchema reads a KeySchema and checks it against the table's AttributeDefinitions.
func newSchema(elements []keyElement, definitions []attributeDefinition) (s schema, err error) {
	if len(elements) == 0 || len(elements) > 2 || elements[0].KeyType != "HASH" || len(elements) == 2 && elements[1].KeyType != "RANGE" {
		return s, validation("Invalid KeySchema: a HASH element comes first, and after it at most one of type RANGE")
	}
	s.hash = elements[0].AttributeName
	if len(elements) == 2 {
		s.sort = elements[1].AttributeName
	}
	for _, name := range s.names() {
		if typeOf(name, definitions) == "" {
			return s, validation("One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [%s]", name)
		}
	}
	return s, nil
}

func (s schema) names() []string {
	if s.sort == "" {
		return []string{s.hash}
	}
	return []string{s.hash, s.sort}
}

func typeOf(name string, definitions []attributeDefinition) string {
	for _, d := range definitions {
		if d.AttributeName == name {
			return d.AttributeType
		}
	}
	return ""
}

// checkKey finds what is wrong with a key that has to hold the key attributes and nothing else.
func (t *table) checkKey(key item) error {
	if len(key) != len(t.key.names()) {
		return validation("The provided key element does not match the schema")
	}
	for _, name := range t.key.names() {
		if v, ok := key[name]; !ok || v.typ != typeOf(name, t.attributes) {
			return validation("The provided key element does not match the schema")
		}
	}
	return t.checkItem(key)
}

// checkItem finds what is wrong with an item that is to be stored.
func (t *table) checkItem(i item) error {
	for n, name := range t.key.names() {
		v, ok := i[name]
		want := typeOf(name, t.attributes)
		switch {
		case !ok:
			return validation("One or more parameter values were invalid: Missing the key %s in the item", name)
		case v.typ != want:
			return validation("One or more parameter values were invalid: Type mismatch for key %s expected: %s actual: %s", name, want, v.typ)
		case v.text == "":
			return validation("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", name)
		case len(v.text) > []int{maxHashKey, maxSortKey}[n]:
			return validation("One or more parameter values were invalid: Size of key %s has exceeded the maximum size limit", name)
		}
	}
	for _, x := range t.indexes {
		for _, name := range x.key.names() {
			if v, ok := i[name]; ok && v.typ != typeOf(name, t.attributes) {
				return validation("One or more parameter values were invalid: Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s",
					name, typeOf(name, t.attributes), v.typ, x.IndexName)
			}
		}
	}
	if i.size() > maxItem {
		return validation("Item size has exceeded the maximum allowed size")
	}
	return nil
}

// compare orders two items that both have the key: partitions by a hash, as in AWS, so that nobody gets used to
// sorted scans; within one by the sort key.
func (s schema) compare(a, b item) int {
	if c := cmp.Compare(placeOf(a[s.hash].text), placeOf(b[s.hash].text)); c != 0 {
		return c
	}
	for _, name := range s.names() {
		if c, _ := a[name].compare(b[name]); c != 0 {
			return c
		}
	}
	return 0
}

func placeOf(hashKey string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(hashKey))
	return h.Sum64()
}

func (t *table) find(key item) (int, bool) {
	return slices.BinarySearchFunc(t.rows, key, t.key.compare)
}

// get returns the item with key's key attributes, or nil.
func (t *table) get(key item) item {
	if at, ok := t.find(key); ok {
		return t.rows[at]
	}
	return nil
}

func (t *table) put(i item) {
	at, ok := t.find(i)
	if ok {
		t.rows[at] = i
		return
	}
	t.rows = slices.Insert(t.rows, at, i)
}

func (t *table) delete(key item) {
	if at, ok := t.find(key); ok {
		t.rows = slices.Delete(t.rows, at, at+1)
	}
}
