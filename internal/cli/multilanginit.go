package cli

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
)

// initOptions are the flags of kplkit multilang init.
type initOptions struct {
	Stream, Application, Region, Position, KCL string
	Command                                    string // the daemon's executableName
	dir                                        string
	direct                                     bool
	ahead                                      int
}

func newMultilangInit(s Streams) *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init STREAM [flags] -- CMD [ARG…]",
		Short: "Writes what starts the MultiLangDaemon for a stream",
		Long: `Writes three files that start the MultiLangDaemon for a stream, with CMD as its record processor under kplkit multilang run:
multilang.properties, its settings; pom.xml, its Maven coordinates with their versions; start.sh, which fetches these once, by mvn
into the folder lib-VERSION, and starts the daemon, by java. A file that is there already is not changed, and then nothing is written.

CMD starts in the files' folder, and kplkit is looked up in PATH.
With --direct the daemon starts CMD itself: a Go program that calls multilang.Run. The daemon splits CMD at blanks, and knows no
quotes: an argument with blanks belongs into a script.`,
		Example: `  kplkit multilang init orders --region eu-west-1 -- python3 processor.py
  kplkit multilang init orders --kcl 2.7.2 --dir consumer --direct -- ./consumer`,
		Args: usageArgs(cobra.MinimumNArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if at := cmd.ArgsLenAtDash(); at != 1 {
				return usageError{errors.New("want one STREAM, then -- and CMD")}
			}
			if err := o.set(args[0], args[1:]); err != nil {
				return usageError{err}
			}
			return o.write(s)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", ".", "`FOLDER` for the files, made if need be")
	f.StringVar(&o.Application, "application", "", "`NAME` of the application and its lease table; STREAM-consumer unless given")
	f.StringVar(&o.Region, "region", cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), "us-east-1"), "`REGION` of the stream")
	f.StringVar(&o.Position, "position", "TRIM_HORIZON", "where a new application begins: TRIM_HORIZON or LATEST")
	f.StringVar(&o.KCL, "kcl", "3.1.3", "`VERSION` of the KCL: "+strings.Join(slices.Sorted(maps.Keys(multilangVersions)), ", "))
	f.BoolVar(&o.direct, "direct", false, "CMD speaks the daemon's protocol itself")
	f.IntVar(&o.ahead, "ahead", 0, "of kplkit multilang run, `N`")
	complete(cmd, "position", "TRIM_HORIZON", "LATEST")
	complete(cmd, "kcl", slices.Sorted(maps.Keys(multilangVersions))...)
	return cmd
}

// set takes the arguments, and refuses what the daemon could not start.
func (o *initOptions) set(stream string, command []string) error {
	if _, ok := multilangVersions[o.KCL]; !ok {
		return fmt.Errorf("--kcl %q: known are %s", o.KCL, strings.Join(slices.Sorted(maps.Keys(multilangVersions)), ", "))
	}
	if o.Position != "TRIM_HORIZON" && o.Position != "LATEST" {
		return fmt.Errorf("--position %q: want TRIM_HORIZON or LATEST", o.Position)
	}
	if o.ahead < 0 || o.ahead > 0 && o.direct {
		return fmt.Errorf("--ahead %d: it is 0 or more, and not for --direct", o.ahead)
	}
	o.Stream, o.Application = stream, cmp.Or(o.Application, stream+"-consumer")
	for what, text := range map[string]string{"STREAM": o.Stream, "--application": o.Application, "--region": o.Region} {
		if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != "" || text == "" {
			return fmt.Errorf("%s %q: letters, digits and _.- only", what, text)
		}
	}
	for _, arg := range command {
		if arg == "" || strings.ContainsAny(arg, " \t\r\n\\") {
			return fmt.Errorf("CMD has the argument %q: the daemon splits it at blanks, and \\ escapes in its settings; put it into a script", arg)
		}
	}
	o.Command = strings.Join(command, " ")
	switch {
	case o.direct:
	case o.ahead > 0:
		o.Command = fmt.Sprintf("kplkit multilang run --ahead %d -- %s", o.ahead, o.Command)
	default:
		o.Command = "kplkit multilang run -- " + o.Command
	}
	return nil
}

// write writes all files or, where one is there, none.
func (o *initOptions) write(s Streams) error {
	files := []struct {
		name, text string
		mode       os.FileMode
	}{{"multilang.properties", propertiesText, 0o644}, {"pom.xml", pomText, 0o644}, {"start.sh", startText, 0o755}}
	for _, f := range files {
		name := filepath.Join(o.dir, f.name)
		if _, err := os.Lstat(name); err == nil {
			return fmt.Errorf("%s is there already: remove it, or choose another --dir; nothing was written", name)
		}
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		var b strings.Builder
		err := template.Must(template.New(f.name).Parse(f.text)).Execute(&b, struct {
			initOptions
			Daemon multilangVersion
		}{*o, multilangVersions[o.KCL]})
		if err != nil {
			return err
		}
		name := filepath.Join(o.dir, f.name)
		if err := os.WriteFile(name, []byte(b.String()), f.mode); err != nil {
			return err
		}
		fmt.Fprintln(s.Out, name)
	}
	return nil
}

// multilangVersion is a release of the KCL that was run with kplkit (interop/README.md).
type multilangVersion struct {
	Main, Credentials string
	OpenJDK           string   // options for JDK 17 and newer
	Artifacts         []string // group:artifact:version
}

// jaxb is named by none of the KCL's poms, and in no JDK since 11: without it one damaged aggregate costs a whole batch.
const jaxb = "javax.xml.bind:jaxb-api:2.3.1"

var multilangVersions = map[string]multilangVersion{
	"1.14.10": {
		"com.amazonaws.services.kinesis.multilang.MultiLangDaemon", "DefaultAWSCredentialsProviderChain", "--add-opens=java.base/java.lang=ALL-UNNAMED",
		[]string{"com.amazonaws:amazon-kinesis-client:1.14.10", jaxb},
	},
	"2.7.2": {
		"software.amazon.kinesis.multilang.MultiLangDaemon", "DefaultCredentialsProvider", "",
		[]string{
			"software.amazon.kinesis:amazon-kinesis-client:2.7.2", "software.amazon.kinesis:amazon-kinesis-client-multilang:2.7.2", jaxb,
			// What the daemon's own pom names: registries have been seen that serve its jar and not its pom.
			"software.amazon.awssdk:sts:2.33.0", "ch.qos.logback:logback-classic:1.3.14", "com.beust:jcommander:1.82", "commons-io:commons-io:2.16.1",
			"org.apache.commons:commons-collections4:4.4", "commons-beanutils:commons-beanutils:1.9.4",
		},
	},
	"3.1.3": {
		"software.amazon.kinesis.multilang.MultiLangDaemon", "DefaultCredentialsProvider", "",
		[]string{"software.amazon.kinesis:amazon-kinesis-client-multilang:3.1.3", jaxb},
	},
}

// Fields returns the three parts of an artifact, for the template.
func (multilangVersion) Fields(artifact string) []string { return strings.Split(artifact, ":") }

const propertiesText = `# Settings of the MultiLangDaemon, KCL {{.KCL}}. Written by kplkit multilang init.
executableName = {{.Command}}
streamName = {{.Stream}}
applicationName = {{.Application}}
regionName = {{.Region}}
initialPositionInStream = {{.Position}}
AWSCredentialsProvider = {{.Daemon.Credentials}}
# A checkpoint that is asked for between two batches goes out in the daemon's next call, also where no records come.
callProcessRecordsEvenForEmptyRecordList = true
# At an interrupt and SIGTERM so long may the last checkpoints take. Without it KCL 2 and 3 ask for none.
shutdownGraceMillis = 30000
`

const pomText = `<!-- The MultiLangDaemon of KCL {{.KCL}}. Written by kplkit multilang init. -->
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>{{.Application}}</groupId>
  <artifactId>multilang</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
{{- range .Daemon.Artifacts}}{{$f := $.Daemon.Fields .}}
    <dependency>
      <groupId>{{index $f 0}}</groupId>
      <artifactId>{{index $f 1}}</artifactId>
      <version>{{index $f 2}}</version>
    </dependency>
{{- end}}
  </dependencies>
</project>
`

const startText = `#!/bin/sh
# Starts the MultiLangDaemon of KCL {{.KCL}}. Written by kplkit multilang init.
set -eu
cd "$(dirname "$0")"
if [ ! -d lib-{{.KCL}} ]; then
	rm -rf lib.new
	mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib.new
	mv lib.new lib-{{.KCL}}
fi
exec java {{with .Daemon.OpenJDK}}{{.}} {{end}}-cp 'lib-{{.KCL}}/*' {{.Daemon.Main}} "$PWD/multilang.properties"
`
