import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
// IMPORTS

/** A short session with a message of every kind. make.sh puts in what differs between versions of the KPL. */
final class Session {
    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        KinesisProducerConfiguration c = new KinesisProducerConfiguration()
                .setKinesisEndpoint("127.0.0.1").setKinesisPort(port)
                .setCloudwatchEndpoint("127.0.0.1").setCloudwatchPort(port)
                .setVerifyCertificate(false).setRegion("us-east-1")
                .setLogLevel("info").setRecordTtl(1500).setRecordMaxBufferedTime(100).setThreadPoolSize(7)
                .setMetricsUploadDelay(60000).setTempDirectory(arguments[1]).setNativeExecutable(arguments[2]);
        c.addAdditionalMetricsDimension("host", "one", "global");
        credentials(c);
        KinesisProducer p = new KinesisProducer(c);
        List<Future<?>> puts = new ArrayList<>();
        puts.add(p.addUserRecord("orders", "key-1", data("first")));
        puts.add(p.addUserRecord("orders", "key-2", "340282366920938463463374607431768211455", data("with an explicit hash key")));
        puts.add(p.addUserRecord("orders", "schl\u00fcssel \ud83d\ude00", data("")));
        puts.add(p.addUserRecord("no-such-stream", "key-3", data("fails")));
        p.flush("orders");
        p.flush();
        STREAM_ID
        settle(puts);
        puts.clear();
        for (int i = 0; i < 5; i++) { // the shards are known now: these are one aggregate
            puts.add(p.addUserRecord("orders", "key-4", data("together " + i)));
        }
        settle(puts);
        System.out.println(p.getMetrics("UserRecordsPut", 60).size() + " metrics, " + p.getMetrics().size() + " in all");
        p.destroy();
        Thread.sleep(2000);
        System.exit(0);
    }

    private static ByteBuffer data(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    }

    private static void settle(List<Future<?>> puts) throws InterruptedException {
        for (Future<?> put : puts) {
            try {
                System.out.println(put.get());
            } catch (ExecutionException failed) {
                System.out.println(failed.getCause());
            }
        }
    }

    // CREDENTIALS
}
