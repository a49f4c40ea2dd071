import java.util.Properties;

/** Settings of a KPL, by the names of its setters. */
final class Settings {
    private Settings() {}

    /** One that aggregates ten user records, or none; executable is another native process than its own, "" for none. */
    static Properties of(int port, boolean aggregate, String executable) {
        Properties settings = new Properties();
        settings.setProperty("KinesisPort", String.valueOf(port));
        settings.setProperty("CloudwatchPort", String.valueOf(port));
        settings.setProperty("VerifyCertificate", "false"); // it speaks TLS only; ours is signed by nobody that it knows
        settings.setProperty("AggregationEnabled", String.valueOf(aggregate));
        settings.setProperty("AggregationMaxCount", "10");
        settings.setProperty("RecordMaxBufferedTime", "300");
        if (!executable.isEmpty()) {
            settings.setProperty("NativeExecutable", executable);
        }
        return settings;
    }
}
