/**
 * Stands in for the native crypto binding, which both Matrix libraries load at import although an unencrypted bridge never
 * calls it. Every class throws when it is made; `StoreType` is the one value that is read at import.
 */
"use strict";

const message =
  "this build of Trestle has no end-to-end encryption: @matrix-org/matrix-sdk-crypto-nodejs is a stand-in";

const absent = (name) =>
  ({
    [name]: class {
      constructor() {
        throw new Error(`${name}: ${message}`);
      }
      static initialize() {
        return Promise.reject(new Error(`${name}: ${message}`));
      }
    },
  })[name];

module.exports = {
  StoreType: Object.freeze({ Sled: 0, Sqlite: 1 }),
  RequestType: Object.freeze({
    KeysUpload: 0,
    KeysQuery: 1,
    KeysClaim: 2,
    ToDevice: 3,
    SignatureUpload: 4,
    RoomMessage: 5,
    KeysBackup: 6,
  }),
  Attachment: absent("Attachment"),
  DeviceId: absent("DeviceId"),
  DeviceLists: absent("DeviceLists"),
  EncryptedAttachment: absent("EncryptedAttachment"),
  EncryptionSettings: absent("EncryptionSettings"),
  OlmMachine: absent("OlmMachine"),
  RoomId: absent("RoomId"),
  UserId: absent("UserId"),
};
