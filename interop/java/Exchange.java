import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.Message;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;

/** The JSON lines that all peers read and write, and what is the same for every KCL. */
final class Exchange {
    /** The range that the KCL takes where it knows none. */
    private static final BigInteger MAX_HASH_KEY = BigInteger.ONE.shiftLeft(128).subtract(BigInteger.ONE);

    private static final ObjectMapper JSON = new ObjectMapper();

    private Exchange() {}

    /** A stored record, and the range of its shard. */
    static final class Stored {
        final String sequenceNumber;
        final String partitionKey;
        final ByteBuffer data;
        final BigInteger startingHashKey;
        final BigInteger endingHashKey;

        Stored(JsonNode line) {
            sequenceNumber = line.path("sequence_number").asText();
            partitionKey = line.path("partition_key").asText();
            data = ByteBuffer.wrap(Base64.getDecoder().decode(line.path("data").asText()));
            startingHashKey = hashKey(line.path("starting_hash_key"), BigInteger.ZERO);
            endingHashKey = hashKey(line.path("ending_hash_key"), MAX_HASH_KEY);
        }

        private static BigInteger hashKey(JsonNode value, BigInteger absent) {
            return value.isTextual() ? new BigInteger(value.asText()) : absent;
        }
    }

    /** Takes a stored record apart, each user record as one line. */
    interface Deaggregator {
        List<ObjectNode> deaggregate(Stored stored) throws Exception;
    }

    /** Answers --versions, or every line of the standard input. */
    static void serve(String[] arguments, Class<?> ofTheKcl, Deaggregator kcl) throws IOException {
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        if (arguments.length > 0 && arguments[0].equals("--versions")) {
            out.println(versions(ofTheKcl, Message.class));
        } else {
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line; (line = in.readLine()) != null; ) {
                answer(new Stored(JSON.readTree(line)), kcl, out);
            }
        }
        out.flush();
    }

    private static void answer(Stored stored, Deaggregator kcl, PrintStream out) {
        try {
            kcl.deaggregate(stored).forEach(out::println);
        } catch (Throwable thrown) { // errors too: the KCL's missing classes are errors
            out.println(JSON.createObjectNode().put("sequence_number", stored.sequenceNumber).put("error", thrown.toString()));
        }
    }

    static ObjectNode userRecord(
            String sequenceNumber, long subSequenceNumber, boolean aggregated, String partitionKey, String explicitHashKey, ByteBuffer data) {
        byte[] bytes = new byte[data.remaining()];
        data.duplicate().get(bytes);
        return JSON.createObjectNode()
                .put("sequence_number", sequenceNumber)
                .put("sub_sequence_number", subSequenceNumber)
                .put("aggregated", aggregated)
                .put("partition_key", partitionKey)
                .put("explicit_hash_key", explicitHashKey)
                .put("data", Base64.getEncoder().encodeToString(bytes));
    }

    /** The versions of Java and of the jars that the classes come from, which their files' names tell. */
    private static ObjectNode versions(Class<?>... classes) {
        ObjectNode found = JSON.createObjectNode().put("java", System.getProperty("java.version"));
        for (Class<?> type : classes) {
            String jar = new File(type.getProtectionDomain().getCodeSource().getLocation().getPath()).getName();
            String[] nameAndVersion = jar.replaceFirst("\\.jar$", "").split("-(?=\\d)", 2);
            found.put(nameAndVersion[0], nameAndVersion[1]);
        }
        return found;
    }
}
