/** Stands in for `nedb`, the abandoned store that matrix-appservice-bridge asks for; Trestle always gives `disableStores`. */
"use strict";

module.exports = class Datastore {
  constructor() {
    throw new Error("nedb stand-in: not offered; start the bridge with disableStores: true");
  }
};
