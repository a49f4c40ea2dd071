"use strict";
// Node finds these names for `import { Producer } from "kplkit"` too: keep this an object of plain names.
const { Producer } = require("./lib/producer");
const { ProducerError } = require("./lib/errors");

module.exports = { Producer, ProducerError };
