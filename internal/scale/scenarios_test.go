package scale

import "time"

// scenario is something that happens to a fleet, at several sizes.
type scenario struct {
	name    string
	run     func(*fleet, size) figures
	short   []size // in the ordinary test run
	full    []size
	columns []column
	more    []column // of a second table, of the rows that go on for long
}

var scenarios = []scenario{
	{
		name: "start", run: fromNothing, columns: fromNothingColumns, more: steadyColumns,
		short: []size{{shards: 16, workers: 1, steady: true}, {shards: 40, workers: 3}},
		full: []size{
			{shards: 16, workers: 1}, {shards: 16, workers: 5}, {shards: 16, workers: 20},
			{shards: 128, workers: 1, steady: true, alone: true}, {shards: 128, workers: 5, steady: true}, {shards: 128, workers: 20},
			{shards: 1000, workers: 1, steady: true, alone: true}, {shards: 1000, workers: 5, steady: true, alone: true},
			{shards: 1000, workers: 20, steady: true, alone: true},
		},
	},
	{
		name: "rolling", run: rolling, columns: rollingColumns,
		short: []size{{shards: 9, workers: 3, rate: 9}, {shards: 9, workers: 3, rate: 9, kill: true}},
		full:  []size{{shards: 200, workers: 5, rate: 400}, {shards: 200, workers: 5, rate: 400, kill: true}},
	},
	{
		name: "outage", run: outage, columns: outageColumns,
		short: []size{
			{shards: 9, workers: 3, rate: 9, refusing: 4 * time.Second},
			{shards: 9, workers: 3, rate: 9, refusing: 30 * time.Second},
		},
		full: []size{
			{shards: 200, workers: 5, rate: 400, refusing: 2 * time.Second},
			{shards: 200, workers: 5, rate: 400, refusing: 4 * time.Second},
			{shards: 200, workers: 5, rate: 400, refusing: 30 * time.Second},
		},
	},
	{
		name: "reshard", run: reshard, columns: reshardColumns,
		short: []size{{shards: 4, workers: 2, rate: 4}},
		full:  []size{{shards: 64, workers: 3, rate: 400}},
	},
	{
		name: "new-table", run: fromNothing, columns: fromNothingColumns,
		short: []size{{shards: 20, workers: 20}},
		full:  []size{{shards: 200, workers: 20}},
	},
	{
		name: "stealing", run: stealing, columns: stealingColumns,
		short: []size{{shards: 12, workers: 1, joining: 3}},
		full:  []size{{shards: 100, workers: 1, joining: 4}, {shards: 1000, workers: 1, joining: 19, alone: true}},
	},
	{
		name: "scale-in", run: scaleIn, columns: scaleInColumns,
		short: []size{{shards: 9, workers: 3}, {shards: 9, workers: 3, kill: true}},
		full:  []size{{shards: 200, workers: 5}, {shards: 200, workers: 5, kill: true}},
	},
	{
		name: "soak", run: soak, columns: soakColumns,
		full: []size{
			{shards: 200, workers: 5, rate: 3000, lasts: 15 * time.Minute, alone: true},
			{shards: 200, workers: 5, rate: 3000, lasts: 15 * time.Minute, kill: true, rest: 20 * time.Second, alone: true},
		},
	},
	{
		name: "small-table", run: tooSmall, columns: tooSmallColumns,
		full: []size{{shards: 64, workers: 4}},
	},
}
