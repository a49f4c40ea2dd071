module github.com/kplkit/kplkit/examples/metrics

go 1.26

require github.com/kplkit/kplkit v0.0.0

replace github.com/kplkit/kplkit => ../..
