/** The names that the Matrix libraries' own typings ask for; nothing behind them works. */
export declare enum StoreType {
  Sled = 0,
  Sqlite = 1,
}
export declare enum RequestType {
  KeysUpload = 0,
  KeysQuery = 1,
  KeysClaim = 2,
  ToDevice = 3,
  SignatureUpload = 4,
  RoomMessage = 5,
  KeysBackup = 6,
}
declare class Absent {
  private constructor();
  static initialize(...given: unknown[]): Promise<never>;
}
export declare class Attachment extends Absent {}
export declare class DeviceId extends Absent {}
export declare class DeviceLists extends Absent {}
export declare class EncryptedAttachment extends Absent {}
export declare class EncryptionSettings extends Absent {}
export declare class OlmMachine extends Absent {}
export declare class RoomId extends Absent {}
export declare class UserId extends Absent {}
