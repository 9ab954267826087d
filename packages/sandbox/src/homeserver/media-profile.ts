/** In what the imitated homeservers differ about files, as data, by the profile's name. Measured, but for the Conduit forks (read). */
export interface MediaProfile {
  readonly uploadBytesMax: number;
  /** A body over the limit: the connection is reset without a word, or it is answered. */
  readonly overLimit: "reset" | readonly [status: number, errcode: string];
  /** An upload without `Content-Length` is refused. */
  readonly needsLength: boolean;
  /** `POST /media/v1/create` and `PUT` (MSC2246), and how many of one user may wait for their PUT. */
  readonly asyncUploads: boolean;
  readonly pendingMax: number;
  /** `/_matrix/client/v1/media/...`, with a token. */
  readonly authenticated: boolean;
  /** The former address of new media: not there, or served to anybody. */
  readonly legacyDownload: "gone" | "open";
}

const mebibyte = 1024 * 1024;

const synapse: MediaProfile = {
  uploadBytesMax: 50 * mebibyte,
  overLimit: "reset",
  needsLength: true,
  asyncUploads: true,
  pendingMax: 5,
  authenticated: true,
  legacyDownload: "gone",
};

const conduit: MediaProfile = {
  uploadBytesMax: 20 * mebibyte,
  overLimit: [413, "M_TOO_LARGE"],
  needsLength: false,
  asyncUploads: false,
  pendingMax: 0,
  authenticated: true,
  legacyDownload: "gone",
};

const dendrite: MediaProfile = {
  ...conduit,
  uploadBytesMax: 10 * mebibyte,
  overLimit: [413, "M_UNKNOWN"],
  legacyDownload: "open",
};

const table: Readonly<Record<string, MediaProfile>> = {
  synapse,
  conduit,
  dendrite,
  conduwuit: conduit,
  continuwuity: conduit,
  tuwunel: { ...conduit, asyncUploads: true, pendingMax: 5 },
};

export const mediaProfileOf = (profile: string): MediaProfile => table[profile] ?? synapse;
