let last;
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const event = JSON.parse(line);
  if (event.event === "record") {
    console.error("order:", Buffer.from(event.data, "base64").toString());
    last = event.position;
  } else if (event.event === "batch-end" && last) {
    console.log(JSON.stringify({ checkpoint: last }));
  } else if (event.event === "shutdown") process.exit();
});
