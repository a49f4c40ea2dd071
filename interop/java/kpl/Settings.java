import java.util.Properties;

/** Settings of a KPL, by the names of its setters. */
final class Settings {
    private Settings() {}

    /** From a name, its value, the next name, and so on. */
    static Properties of(Object... namesAndValues) {
        Properties settings = new Properties();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            settings.setProperty(namesAndValues[i].toString(), namesAndValues[i + 1].toString());
        }
        return settings;
    }
}
