package cli

import "github.com/spf13/cobra"

func newMultilang(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "multilang",
		Short: "Puts a record processor in any language under Java's MultiLangDaemon",
		Long: `Puts a record processor in any language under the MultiLangDaemon of the Java KCL: the daemon has the leases, a process for
each shard takes aggregates apart and checkpoints inside them, with versions 1.3 to 3.x. docs/multilang.md says how.`,
	}
	group(cmd)
	cmd.AddCommand(newMultilangInit(s), newMultilangRun(s))
	return cmd
}
