let last;
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const event = JSON.parse(line);
  if (event.event === "record") {
    const data = Buffer.from(event.data, "base64"); // bytes: what was put need not be text
    require("fs").writeSync(2, Buffer.concat([Buffer.from("order: "), data, Buffer.from("\n")]));
    last = event.position;
  } else if (event.event === "batch-end" && last) {
    console.log(JSON.stringify({ checkpoint: last }));
  } else if (event.event === "shutdown") process.exit();
});
