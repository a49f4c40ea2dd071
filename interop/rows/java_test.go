package rows

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

func javaFlags() []string {
	flags := []string{
		"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dcom.amazonaws.sdk.disableCbor=true", "-Daws.cborEnabled=false", // our Kinesis speaks JSON
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-Dorg.apache.commons.logging.Log=org.apache.commons.logging.impl.SimpleLog",
		"-Dorg.apache.commons.logging.simplelog.defaultlog=warn",
	}
	for _, p := range []string{"java.lang", "java.util", "java.nio", "java.util.concurrent", "sun.nio.ch"} {
		flags = append(flags, "--add-opens=java.base/"+p+"=ALL-UNNAMED") // old versions reach into it
	}
	return flags
}

// classPath is the classes and the jars of an installation, and the jars of others after them.
func classPath(name string, more ...string) string {
	paths := []string{filepath.Join(cache, name, "classes")}
	for _, n := range slices.Insert(more, 0, name) {
		paths = append(paths, filepath.Join(cache, n, "lib", "*"))
	}
	return strings.Join(paths, string(filepath.ListSeparator))
}

// javaVersion is the java command's own account, such as 17.0.15.
var javaVersion = sync.OnceValue(func() string {
	out, err := exec.Command("java", "--version").Output()
	if f := strings.Fields(string(out)); err == nil && len(f) > 1 {
		return f[1]
	}
	return "unknown"
})

// anyone is the environment of a process of the AWS SDK, whichever.
var anyone = []string{
	"AWS_EC2_METADATA_DISABLED=true", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_REGION=us-east-1",
	"AWS_JAVA_V1_DISABLE_DEPRECATION_ANNOUNCEMENT=true",
}
