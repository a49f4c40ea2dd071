import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;

/**
 * The MultiLangDaemon as its users start it, with a file of properties: every version that knows an endpoint of
 * DynamoDB. Arguments: the class of the daemon, where it takes credentials from, and the folder for the file.
 */
final class Launcher {
    private Launcher() {}

    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.setProperty("executableName", new Relay().command());
        settings.setProperty("processingLanguage", "python/3");
        settings.setProperty("streamName", Contract.STREAM);
        settings.setProperty("applicationName", Contract.APPLICATION);
        settings.setProperty("workerId", Contract.WORKER);
        settings.setProperty("initialPositionInStream", Contract.POSITION);
        settings.setProperty("maxRecords", String.valueOf(Contract.MAX));
        settings.setProperty("kinesisEndpoint", Contract.KINESIS);
        settings.setProperty("dynamoDBEndpoint", Contract.DYNAMODB);
        settings.setProperty("regionName", "us-east-1");
        settings.setProperty("AWSCredentialsProvider", arguments[1]);
        settings.setProperty("retrievalMode", "POLLING");
        settings.setProperty("metricsLevel", "NONE");
        settings.setProperty("failoverTimeMillis", "5000"); // no less: on a busy machine the lease would be lost before the stop
        settings.setProperty("idleTimeBetweenReadsInMillis", "200");
        settings.setProperty("shardSyncIntervalMillis", "1000");
        settings.setProperty("cleanupLeasesUponShardCompletion", "false");
        Path file = Path.of(arguments[2], Contract.APPLICATION + "-" + Contract.WORKER + ".properties");
        try (Writer out = Files.newBufferedWriter(file)) {
            settings.store(out, null);
        }
        String[] daemon = {file.toString()};
        Class.forName(arguments[0]).getMethod("main", String[].class).invoke(null, (Object) daemon);
    }
}
