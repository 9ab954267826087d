/**
 * A real InspIRCd 3 with the IRCv3 modules: echo-message, labels, msgid, server-time, accounts. SASL and splits come from the
 * fake services server beside it (inspircd-services.ts).
 */
import { join } from "node:path";
import { ircFolder, type RealIrcServer, requireProgram } from "./irc-server.ts";
import { freePorts, type ServerProcess, spawnServer } from "./process.ts";

export interface InspircdOptions {
  readonly password?: string;
  /** Offer SASL through the services server; it must be linked for the capability to show. */
  readonly sasl?: boolean;
  /** Lines a client may send at once before the server spaces or kills them; absent: no limit worth the name. */
  readonly flood?: { readonly threshold: number; readonly commandRate: number; readonly fakelag: boolean };
}

export interface Inspircd extends RealIrcServer {
  readonly name: string;
  /** Where a services server links, and with what. */
  readonly link: { readonly port: number; readonly password: string; readonly servicesName: string };
}

const modules = [
  "cap",
  "ircv3",
  "ircv3_accounttag",
  "ircv3_batch",
  "ircv3_capnotify",
  "ircv3_chghost",
  "ircv3_ctctags",
  "ircv3_echomessage",
  "ircv3_invitenotify",
  "ircv3_labeledresponse",
  "ircv3_msgid",
  "ircv3_servertime",
  "services_account",
  "namesx",
  "uhnames",
  "monitor",
  "setname",
  "md5",
  "spanningtree",
];

const oper = { name: "oper", password: "oper-password" };
const link = { password: "link-password", servicesName: "services.inspircd.test" };
const name = "irc.inspircd.test";

export async function createInspircd(options: InspircdOptions = {}): Promise<Inspircd> {
  const program = requireProgram("inspircd");
  const [port = 0, linkPort = 0] = await freePorts(2);
  const place = ircFolder("inspircd");
  const config = place.write("inspircd.conf", printConfig(options, place.folder, port, linkPort));
  let server: ServerProcess | undefined;
  return {
    kind: "inspircd",
    name,
    host: "127.0.0.1",
    port,
    oper,
    link: { ...link, port: linkPort },
    async start() {
      server = await spawnServer(program, ["--nofork", "--nopid", "--config", config], {
        name: "inspircd",
        ready: { port, timeoutMs: 20_000 },
        logFile: join(place.folder, "inspircd.log"),
        cwd: place.folder,
        ...place.user,
      });
    },
    async stop(signal = "TERM") {
      await server?.stop(signal);
      server = undefined;
    },
    running: () => server?.running() ?? false,
    logTail: (lines) => server?.logTail(lines) ?? "",
    async remove() {
      await server?.stop("KILL");
      place.remove();
    },
  };
}

function printConfig(options: InspircdOptions, folder: string, port: number, linkPort: number): string {
  const flood = options.flood ?? { threshold: 100_000, commandRate: 100_000_000, fakelag: false };
  const password = options.password === undefined ? "" : ` password="${options.password}"`;
  const lines = [
    `<server name="${name}" description="test server" network="InspTest" id="1AA">`,
    '<admin name="test" nick="test" email="test@example.test">',
    `<bind address="127.0.0.1" port="${port}" type="clients">`,
    `<bind address="127.0.0.1" port="${linkPort}" type="servers">`,
    `<connect name="main" allow="*"${password} timeout="30" pingfreq="30" localmax="10000" globalmax="10000" limit="10000" ` +
      `resolvehostnames="no" useident="no" maxchans="1000" threshold="${flood.threshold}" ` +
      `commandrate="${flood.commandRate}" fakelag="${flood.fakelag ? "yes" : "no"}" ` +
      'softsendq="10000000" hardsendq="20000000" recvq="262144">',
    `<path datadir="${folder}/data" logdir="${folder}/data" configdir="${folder}" moduledir="/usr/lib/inspircd/modules">`,
    `<pid file="${folder}/data/inspircd.pid">`,
    '<options defaultmodes="not" syntaxhints="no" allowmismatch="yes" casemapping="rfc1459">',
    '<performance quickrehash="no" softlimit="12800" clonesonconnect="no" somaxconn="1024">',
    '<limits maxnick="30" maxchan="64" maxmodes="20" maxident="12" maxhost="64" maxquit="255" maxtopic="330" maxkick="300">',
    '<class name="all" commands="*" privs="*" usermodes="*" chanmodes="*" snomasks="*">',
    '<type name="admin" classes="all">',
    `<oper name="${oper.name}" password="${oper.password}" host="*@*" type="admin" autologin="no">`,
    `<link name="${link.servicesName}" ipaddr="127.0.0.1" port="7000" allowmask="*" sendpass="${link.password}" recvpass="${link.password}">`,
    `<uline server="${link.servicesName}" silent="yes">`,
    '<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="ircd.log">',
    ...modules.map((module) => `<module name="${module}">`),
  ];
  if (options.sasl) lines.push('<module name="sasl">', `<sasl target="${link.servicesName}" requiressl="no">`);
  return `${lines.join("\n")}\n`;
}
