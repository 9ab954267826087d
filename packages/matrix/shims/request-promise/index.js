/** Stands in for `request-promise`, which the bot SDK declares and never loads. */
"use strict";

module.exports = function requestPromise() {
  throw new Error("request-promise stand-in: not offered; use undici");
};
