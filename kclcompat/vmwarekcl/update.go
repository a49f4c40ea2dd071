package vmwarekcl

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// update is a change of single attributes of a lease, and the conditions on which it happens. It never touches the rest
// of the item: what others keep there survives.
type update struct {
	sets       map[string]types.AttributeValue
	removes    []string
	conditions []string
	values     item
}

func newUpdate() *update { return &update{sets: item{}, values: item{}} }

func (u *update) set(name, value string) *update {
	u.sets[name] = stringValue(value)
	return u
}

func (u *update) setNumber(name string, value int64) *update {
	u.sets[name] = numberValue(value)
	return u
}

// remove removes attributes, but for those that are set as well.
func (u *update) remove(names ...string) *update {
	u.removes = append(u.removes, names...)
	return u
}

func (u *update) ifEqual(name, value string) *update {
	return u.condition(name, "=", stringValue(value))
}

func (u *update) ifLess(name string, value int64) *update {
	return u.condition(name, "<", numberValue(value))
}

func (u *update) ifAbsent(name string) *update {
	u.conditions = append(u.conditions, "attribute_not_exists("+name+")")
	return u
}

// ifSame asks for attributes as they are in it, of whatever type.
func (u *update) ifSame(it item, names ...string) *update {
	for _, name := range names {
		if value, ok := it[name]; ok {
			u.condition(name, "=", value)
		} else {
			u.ifAbsent(name)
		}
	}
	return u
}

// condition compares an attribute with a value. Of one attribute there is one condition at most.
func (u *update) condition(name, operator string, value types.AttributeValue) *update {
	placeholder := ":if" + name
	u.conditions = append(u.conditions, name+" "+operator+" "+placeholder)
	u.values[placeholder] = value
	return u
}

// expressions returns what the request holds.
func (u *update) expressions() (change, condition string, values item) {
	values = maps.Clone(u.values)
	var sets, removes []string
	for _, name := range slices.Sorted(maps.Keys(u.sets)) {
		sets = append(sets, name+" = :to"+name)
		values[":to"+name] = u.sets[name]
	}
	for _, name := range u.removes {
		if u.sets[name] == nil {
			removes = append(removes, name)
		}
	}
	if len(sets) > 0 {
		change = "SET " + strings.Join(sets, ", ") + " "
	}
	if len(removes) > 0 {
		change += "REMOVE " + strings.Join(removes, ", ")
	}
	return change, strings.Join(u.conditions, " AND "), values
}
