/**
 * The features this stage of the bridge promises, by id. Tests carry the ids in their names (`[C8 irc] ...`); rows.ts joins the
 * two into docs/features.md.
 */
export interface FeatureRow {
  readonly id: string;
  readonly promise: string;
}

export const featureGroups: readonly { readonly title: string; readonly rows: readonly FeatureRow[] }[] = [
  {
    title: "Content",
    rows: [
      {
        id: "C1",
        promise:
          "Formatted text crosses both ways; what the other side cannot show stays readable, and no control byte or tag gets through.",
      },
      {
        id: "C2",
        promise:
          "A long text is split at safe places with its formatting carried over; edits and deletions reach every part.",
      },
      { id: "C3", promise: "Emotes, notices and service messages (joins, topics, gaps) cross as what they are." },
      {
        id: "C4",
        promise:
          "Files cross both ways, streamed, with name, type, size, dimensions and caption; albums stay together; too large ones become a signed address and a note.",
      },
      { id: "C5", promise: "Voice messages keep their duration and waveform." },

      {
        id: "C8",
        promise: "An edit crosses, by its author only; a network without edits gets a short readable difference.",
      },
      {
        id: "C9",
        promise: "A deletion crosses with every part; where the network cannot delete, the room is told so.",
      },
      {
        id: "C10",
        promise:
          "A reply crosses natively or with a short quote that shows nothing the answering person could not see.",
      },
      {
        id: "C12",
        promise: "Reactions cross; a network without them can be sent a short notice (off unless configured).",
      },
      {
        id: "C13",
        promise: "Mentions ping whom the sender may ping and nobody else; no name can ping, inject or impersonate.",
      },
      { id: "C16", promise: "Typing and read marks of a person cross as his own where the network has them." },
      { id: "C17", promise: "Spoilers of pictures cross as spoilers." },
      { id: "C18", promise: "Descriptions of pictures cross." },
    ],
  },
  {
    title: "Rooms and links",
    rows: [
      {
        id: "R3",
        promise:
          "Several rooms on one chat and several chats in one room: each message once everywhere, under its author, no loop.",
      },
      { id: "R4", promise: "Topic, and for rooms of ours name and picture, follow the chat; custom names are kept." },
      { id: "R5", promise: "Members appear when they speak, and go when they leave; a change of nick is a rename." },
      {
        id: "R8",
        promise:
          "Links can be paused, resumed, exported and restored; vanished chats, loops and bulk deletions are braked; room upgrades are followed only with proof.",
      },
      { id: "R9", promise: "Encrypted rooms are refused, paused or answered as decided, and always told why." },
      {
        id: "R11",
        promise:
          "Rooms say what they are bridged to (m.bridge and its older name), and are listed in no directory by us.",
      },
    ],
  },
  {
    title: "People",
    rows: [
      {
        id: "P1",
        promise: "Every remote person has one ghost with an id that every homeserver accepts and a fresh name.",
      },
      {
        id: "P2",
        promise: "Matrix people appear on IRC by name, through RELAYMSG where offered, told apart and harmless.",
      },
      {
        id: "P3",
        promise:
          "Double puppeting by registration, own token or OAuth grant, with a self-check that names what is wrong.",
      },
      {
        id: "P4",
        promise: "A proven account of the network and a Matrix person are one: what either says appears as himself.",
      },
      {
        id: "P5",
        promise: "Each person can say not to be bridged, choose a name, see what is kept, and have it erased.",
      },

      { id: "P6", promise: "Nobody can pass for somebody else: reserved and look-alike names are marked or refused." },
    ],
  },
  {
    title: "Delivery",
    rows: [
      { id: "L1", promise: "Nothing acknowledged is lost and nothing is doubled, also when the process is killed." },
      { id: "L2", promise: "A stuck room or network delays no other." },
      {
        id: "L3",
        promise: "Each homeserver's ways of retrying, losing and holding back events are known and repaired.",
      },
      { id: "L4", promise: "Limits of the network and of the homeserver are obeyed, and nothing is dropped for them." },
      { id: "L6", promise: "Netsplits, restarts, kicks, collisions and refused logins are lived through and said." },
    ],
  },
  {
    title: "Security",
    rows: [
      { id: "S1", promise: "Known attacks on bridges and on IRC each have a test that shows them fail." },
      {
        id: "S2",
        promise: "The media proxy serves only what was signed, for a while, safely, and nothing that was redacted.",
      },
      { id: "S4", promise: "Secrets are sealed at rest, their key can be rotated, and they show nowhere." },

      { id: "S5", promise: "Codecs take any input: they never throw and never let markup or a control byte through." },
    ],
  },
  {
    title: "Administration",
    rows: [
      { id: "A1", promise: "The registration is written for the homeserver at hand, with the next step to take." },
      {
        id: "A3",
        promise: "The config is validated with the place and the mend of each mistake, and overridden by environment.",
      },
      { id: "A4", promise: "Permissions by user, room, domain or everybody, per network, in five levels." },
      { id: "A7", promise: "Prometheus metrics: delivered, failed, latency per hop, queue age, dead letters." },
      {
        id: "A8",
        promise: "Health and readiness, dead letters with retry, redacted structured logs, exit codes that say why.",
      },
    ],
  },
];
