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
    ],
  },
  {
    title: "Rooms and links",
    rows: [
      { id: "R4", promise: "The topic follows both ways." },
      { id: "R5", promise: "Members appear when they speak, and go when they leave; a change of nick is a rename." },
      { id: "R8", promise: "Links can be paused, resumed and removed; a vanished chat loses no link." },
      { id: "R9", promise: "Encrypted rooms are refused, paused or answered as decided, and always told why." },
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
