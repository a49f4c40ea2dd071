import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

/** What consumer_test.go asks of a consumer: settings in the environment, JSON lines on standard output, hard stops. */
final class Contract {
    static final String KINESIS = setting("ROW_KINESIS");
    static final String DYNAMODB = setting("ROW_DYNAMODB");
    static final String STREAM = setting("ROW_STREAM");
    static final String APPLICATION = setting("ROW_APPLICATION");
    static final String WORKER = setting("ROW_WORKER");
    static final String CHECKPOINT = setting("ROW_CHECKPOINT");
    static final String POSITION = setting("ROW_POSITION");
    static final int MAX = Integer.parseInt(setting("ROW_MAX"));
    private static final String AT = setting("ROW_AT");
    private static final String WHEN = setting("ROW_WHEN");
    private static final int ENDS = Integer.parseInt(setting("ROW_ENDS"));
    private static final boolean SELF = setting("ROW_SELF").equals("1");
    private static final PrintStream OUT = System.out;
    private static int ends; // seen so far

    private Contract() {}

    private static String setting(String name) {
        String value = System.getenv(name);
        return value == null ? "" : value;
    }

    /** What a version of the KCL calls a record, and its checkpointer. */
    interface Kcl<R> {
        ByteBuffer data(R record);

        String partitionKey(R record);

        String sequenceNumber(R record);

        long subSequenceNumber(R record);

        /** Checkpoints in the style that ROW_CHECKPOINT names, and returns what was passed. */
        String checkpoint(R record) throws Exception;
    }

    /** Hands over a batch of a shard, and checkpoints and stops where the settings say. */
    static synchronized <R> void process(List<R> batch, Kcl<R> kcl) {
        R stop = null;
        for (R record : batch) {
            byte[] stored = bytes(kcl.data(record));
            List<byte[]> users = SELF ? Aggregate.users(stored) : List.of(stored);
            for (int i = 0; i < users.size(); i++) {
                byte[] data = users.get(i);
                handOver(data, SELF ? "" : kcl.partitionKey(record), kcl.sequenceNumber(record), SELF ? i : kcl.subSequenceNumber(record));
                ends += is(data, "END") ? 1 : 0;
                if (AT.isEmpty() || !is(data, AT)) {
                    continue;
                }
                if (WHEN.equals("at")) {
                    checkpoint(record, kcl);
                }
                if (!WHEN.equals("batch")) {
                    stop("at " + AT);
                }
                stop = record;
            }
        }
        if (stop != null || WHEN.equals("later") && !batch.isEmpty()) {
            checkpoint(batch.get(batch.size() - 1), kcl);
        }
        if (stop != null) {
            stop("after the batch with " + AT);
        }
        if (ends == ENDS) {
            stop("END");
        }
    }

    private static <R> void checkpoint(R record, Kcl<R> kcl) {
        if (CHECKPOINT.equals("nothing")) {
            return;
        }
        try {
            say("checkpoint", kcl.checkpoint(record), "");
        } catch (Exception refused) {
            say("checkpoint", "", firstLine(refused));
        }
    }

    private static void handOver(byte[] data, String partitionKey, String sequenceNumber, long subSequenceNumber) {
        OUT.println("{\"record\":\"" + Base64.getEncoder().encodeToString(data) + "\",\"partition_key\":" + quoted(partitionKey) + ",\"sequence_number\":\"" + sequenceNumber
                + "\",\"sub_sequence_number\":" + subSequenceNumber + "}");
        OUT.flush();
    }

    private static void say(String kind, String what, String error) {
        OUT.println("{\"" + kind + "\":" + quoted(what) + ",\"error\":" + quoted(error) + "}");
        OUT.flush();
    }

    /** Ends the process as a crash does: nothing is shut down. */
    static void stop(String why) {
        say("stopped", why, "");
        Runtime.getRuntime().halt(0);
    }

    /** The worker has given up. */
    static void refused(Throwable why) {
        say("stopped", "refused", firstLine(why));
        Runtime.getRuntime().halt(0);
    }

    /** The worker has lost a lease, for which nobody but a busy machine can be the reason. */
    static void leaseLost() {
        OUT.println("{\"lease_lost\":true}");
        OUT.flush();
    }

    /** Ends the process with the test that started it, which holds its standard input open. */
    static void endWithParent() {
        Thread watch = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {}
            } catch (IOException gone) {
                // as the end of the input
            }
            Runtime.getRuntime().halt(1);
        });
        watch.setDaemon(true);
        watch.start();
    }

    private static String firstLine(Throwable thrown) {
        Throwable cause = thrown;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause.toString().split("\n", 2)[0];
    }

    private static String quoted(String text) {
        StringBuilder b = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c < ' ' || c > '~' || c == '"' || c == '\\') {
                b.append(String.format("\\u%04x", (int) c));
            } else {
                b.append(c);
            }
        }
        return b.append('"').toString();
    }

    private static boolean is(byte[] data, String text) {
        return Arrays.equals(data, text.getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] all = new byte[buffer.remaining()];
        buffer.duplicate().get(all);
        return all;
    }
}
