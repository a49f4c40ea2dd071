package vectors_test

import (
	"fmt"

	"github.com/kplkit/kplkit/internal/vectors"
)

func ExampleAll() {
	all, err := vectors.All()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range all {
		if v.Name == "hash-key-negative" {
			fmt.Println(v.Comment)
			fmt.Println(len(v.Policies["lossless"].Users), len(v.Policies["kcl"].Users))
		}
	}
	// Output:
	// a negative number lies in no range: Java drops the whole aggregate
	// 2 0
}
