/** The config that `example` prints: the shared sections with a word on each key, and the span's own behind them. */

export function exampleConfig(span: string, section: string): string {
  return `# Config of the ${span} span of Trestle. Every key can also come from the environment: homeserver.url is TRESTLE_HOMESERVER_URL,
# and TRESTLE_HOMESERVER_URL_FILE names a file that holds it. Paths are relative to this file.

homeserver:
  url: http://127.0.0.1:8008 # where the bridge reaches the homeserver's client API
  name: example.org # the part of user ids after the colon
  # profile: synapse # only if the bridge should not find out by itself; synapse, conduit, dendrite, ...

appservice:
  listen: 127.0.0.1:29310 # where the bridge listens for the homeserver
  url: http://127.0.0.1:29310 # how the homeserver reaches that; the same unless there is a container or proxy between
  registration: ./${span}.registration.yaml # written by \`trestle register ${span} --server synapse\`
  bot: _${span}_bot # the bridge's own user
  prefix: _${span}_ # how the users that stand for remote people begin; cannot change later

database:
  url: sqlite:./${span}.db # or postgres://trestle:password@127.0.0.1/trestle_${span}

# The most specific line wins: a user, then a room, then a server, then everybody.
# block: ignored; relay: may speak; user: may invite the bot; moderator: may pause; admin: everything.
permissions:
  "*": relay
  example.org: user
  "@admin:example.org": admin

# Rooms and channels that are always linked. More can be linked in chat: !${span} help
links: []
#  - room: "#trestle:example.org"
#    network: libera
#    chat: "#trestle"

admin:
  listen: 127.0.0.1:29311 # /health, /ready, /metrics, and the commands of \`trestle status ${span}\`
  # token: at least 16 characters; without one it is derived from the registration

log:
  level: info # debug, info, warn, error
  format: json # or pretty

retention:
  textDays: 7 # texts are kept this long for quotes and edits; 0: not at all
  doneDays: 14 # finished messages are remembered this long, so that none is sent twice

# The other spans on this homeserver, so that bots do not answer each other.
siblings: []
#  - bot: "@_telegram_bot:example.org"
#    ghosts: "@_telegram_.*:example\\\\.org"

# What seals people's tokens in the database. Made at the first start; keep a copy apart from the database's backups.
secrets:
  keyFile: ./${span}.key # readable by this user only; or the key itself in the environment, as TRESTLE_SECRETS_KEY

# Files for people on networks that can take only an address: served here, signed, for a while.
# media:
#   listen: 127.0.0.1:29312 # where the bridge listens for them
#   url: https://media.example.org # how everybody reaches that, through your web server
#   expiryDays: 30
#   # behindProxy: true # your web server says in X-Forwarded-For who asks; so it is where media.listen is on 127.0.0.1

# People act as themselves, not as ghosts: \`trestle register double-puppet\` writes the file and this section.
# double_puppet:
#   registration: ./doublepuppet.yaml

notices:
  reactions: false # a short notice for each reaction where the network has none
  receipts: false # the bot's read mark shows how far messages were delivered
  status: false # delivery states in the clients that show them (com.beeper.message_send_status)

members: lazy # ghosts join when they speak; full: everybody who is there; off: nobody leaves or joins but by speaking
spaces: false # true: a space for each network, with its linked rooms

${section.trimEnd()}
`;
}
