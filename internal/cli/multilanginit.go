package cli

import "github.com/spf13/cobra"

func newMultilangInit(s Streams) *cobra.Command { return &cobra.Command{Use: "init"} }
