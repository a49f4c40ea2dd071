import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/**
 * Takes the aggregates of a file apart by the KCL's AggregatorUtil, again and again. For every line of the standard input, which
 * is a number of milliseconds, it writes what a pass took: CPU nanoseconds of the process, nanoseconds, and user records.
 */
final class Deaggregate {
    public static void main(String[] arguments) throws Exception {
        ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(Path.of(arguments[0])));
        List<byte[]> aggregates = new ArrayList<>();
        while (file.hasRemaining()) {
            byte[] aggregate = new byte[file.getInt()];
            file.get(aggregate);
            aggregates.add(aggregate);
        }
        BigInteger last = BigInteger.ONE.shiftLeft(128).subtract(BigInteger.ONE);
        var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            long until = System.nanoTime() + Long.parseLong(line) * 1_000_000, began = System.nanoTime(), busy = system.getProcessCpuTime();
            long passes = 0, users = 0;
            do {
                for (byte[] aggregate : aggregates) {
                    KinesisClientRecord stored =
                            KinesisClientRecord.builder().sequenceNumber("7").partitionKey("a").data(ByteBuffer.wrap(aggregate)).build();
                    users += new AggregatorUtil().deaggregate(List.of(stored), BigInteger.ZERO, last).size();
                }
                passes++;
            } while (System.nanoTime() < until);
            System.out.println(
                    (system.getProcessCpuTime() - busy) / passes + " " + (System.nanoTime() - began) / passes + " " + users / passes);
        }
    }
}
