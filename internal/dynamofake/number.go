package dynamofake

import (
	"math/big"
	"regexp"
	"strings"
)

// numberForm bounds the exponent before big.Rat, which would spell it out.
var numberForm = regexp.MustCompile(`^[-+]?(\d{1,200}(\.\d{0,200})?|\.\d{1,200})([eE][-+]?\d{1,3})?$`)

const (
	maxDigits    = 38  // significant decimal digits of a number
	maxMagnitude = 126 // numbers are below 10^126 …
	minMagnitude = 130 // … and, unless zero, not below 10^-130
)

// plainNumber returns a number the way DynamoDB gives it back: all digits, no exponent, no zeros that say nothing.
func plainNumber(s string) (string, error) {
	r := new(big.Rat)
	if !numberForm.MatchString(s) {
		return "", validation("The parameter cannot be converted to a numeric value: %s", clip(s))
	}
	if _, ok := r.SetString(s); !ok {
		return "", validation("The parameter cannot be converted to a numeric value: %s", clip(s))
	}
	return formatNumber(r)
}

func formatNumber(r *big.Rat) (string, error) {
	places, exact := r.FloatPrec()
	if !exact || places > minMagnitude+maxDigits {
		return "", validation("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	}
	s := r.FloatString(places)
	digits := strings.TrimLeft(strings.Replace(strings.TrimPrefix(s, "-"), ".", "", 1), "0")
	whole, _, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	switch {
	case digits == "":
		return "0", nil
	case len(whole) > maxMagnitude:
		return "", validation("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case places-len(digits)+1 > minMagnitude:
		return "", validation("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	case len(strings.TrimRight(digits, "0")) > maxDigits:
		return "", validation("Attempting to store more than %d significant digits in a Number", maxDigits)
	}
	return s, nil
}

// rat reads a number that plainNumber has passed.
func rat(plain string) *big.Rat {
	r, _ := new(big.Rat).SetString(plain)
	return r
}

func compareNumbers(a, b string) int { return rat(a).Cmp(rat(b)) }

// addNumbers returns a+b, or a-b if minus.
func addNumbers(a, b string, minus bool) (string, error) {
	if minus {
		return formatNumber(new(big.Rat).Sub(rat(a), rat(b)))
	}
	return formatNumber(new(big.Rat).Add(rat(a), rat(b)))
}

// numberSize is a byte for every two significant digits, and one.
func numberSize(plain string) int {
	digits := strings.Trim(strings.Replace(strings.TrimPrefix(plain, "-"), ".", "", 1), "0")
	n := (len(digits)+1)/2 + 1
	if plain[0] == '-' {
		n++
	}
	return n
}
