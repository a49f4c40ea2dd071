package scale

import (
	"bytes"
	"encoding/json"
	"time"
)

// capacity is what a table can do if it is made with provisioned units: a second's worth each second, and what was not
// used of the last 300 seconds. The zero value waits for the table; the nil one never limits.
type capacity struct {
	read, write *bucket // nil: made on demand
}

// burst is how much of its unused units DynamoDB keeps.
const burst = 300

type bucket struct {
	rate, units float64
	at          time.Time
}

func newBucket(rate float64) *bucket { return &bucket{rate, rate * burst, time.Now()} }

// left are the units that there are now.
func (b *bucket) left() float64 {
	now := time.Now()
	b.units = min(b.rate*burst, b.units+b.rate*now.Sub(b.at).Seconds())
	b.at = now
	return b.units
}

// admits tells whether the units are left for a request. It takes those of a write.
func (c *capacity) admits(operation string, body []byte) bool {
	if c == nil || c.write == nil {
		return true
	}
	switch operation {
	case "GetItem", "Scan":
		return c.read.left() > 0
	case "PutItem", "UpdateItem", "DeleteItem": // items are smaller than 1 KB
		if c.write.left() < 1 {
			return false
		}
		c.write.units--
	}
	return true
}

// charge takes the units of a read, a half for each 4 KB, twice that if it is consistent; and notes what a table is made with.
func (c *capacity) charge(operation string, body []byte, size int64) {
	if c == nil {
		return
	}
	switch operation {
	case "CreateTable":
		c.provision(body)
	case "GetItem", "Scan":
		units := float64(size/4096+1) / 2
		if bytes.Contains(body, []byte(`"ConsistentRead":true`)) {
			units *= 2
		}
		if c.read != nil {
			c.read.units -= units
		}
	}
}

func (c *capacity) provision(createTable []byte) {
	var table struct {
		ProvisionedThroughput *struct{ ReadCapacityUnits, WriteCapacityUnits float64 }
	}
	if json.Unmarshal(createTable, &table) == nil && table.ProvisionedThroughput != nil && c.write == nil {
		c.read = newBucket(table.ProvisionedThroughput.ReadCapacityUnits)
		c.write = newBucket(table.ProvisionedThroughput.WriteCapacityUnits)
	}
}
