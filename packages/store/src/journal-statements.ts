/** The journal's statements. Columns and states are named here and in the migrations, nowhere else. */
import type { Knex } from "knex";
import type { Statement } from "./engine.ts";
import { type Compiler, limitPlaceholder } from "./statement.ts";

/** In the order that `jobOf` (journal-table.ts) reads them. */
export const jobColumns = [
  "seq",
  "portal",
  "lane",
  "key",
  "author",
  "created_at_ms",
  "body",
  "state",
  "attempts",
  "not_before_ms",
  "plan",
  "sent",
  "failure",
  "delayed",
] as const;

/** Written out, so that the planner sees that the partial indices serve. */
const isOpen = "state in ('queued', 'parked')";
const isOver = "state in ('done', 'cancelled')";

/** How many keys one `find` statement takes. */
export const findSizes = [1, 16, 128] as const;

export interface JournalStatements {
  readonly insert: Statement;
  readonly settle: Statement;
  readonly update: Statement;
  readonly load: Statement;
  readonly backlog: Statement;
  readonly find: ReadonlyMap<number, Statement>;
  readonly bySeq: Statement;
  readonly dead: Statement;
  readonly deadOfPortal: Statement;
  readonly retry: Statement;
  readonly shed: Statement;
  readonly counts: Statement;
  readonly prune: Statement;
  readonly lastSeq: Statement;
}

export function compileJournal(compiler: Compiler): JournalStatements {
  return { ...compileWrites(compiler), ...compileReads(compiler), ...compileDeadLetters(compiler) };
}

function compileWrites(compiler: Compiler): Pick<JournalStatements, "insert" | "settle" | "update" | "prune"> {
  const { knex } = compiler;
  const jobs = () => knex("jobs");
  const row = Object.fromEntries(jobColumns.map((column) => [column, `:${column}`]));
  const insert = (rows: number): Knex.QueryBuilder =>
    jobs().insert(Array(rows).fill(row)).onConflict("key").ignore().returning("seq");
  // knex orders an insert's columns by name
  const sorted = [...jobColumns].sort();

  return {
    insert: compiler.compile(insert(1), {
      of: remember((rows) => compiler.compile(insert(rows))),
      keyOf: (params) => `jobs ${params[sorted.indexOf("seq")]}`,
      returned: sorted.indexOf("seq"),
    }),
    settle: compileMany(compiler, settleSql, ["seq", "state", "ended_at_ms", "failure"]),
    update: compileMany(compiler, updateSql, [
      "seq",
      "state",
      "attempts",
      "not_before_ms",
      "plan",
      "sent",
      "failure",
      "body",
    ]),
    prune: compiler.compile(jobs().whereRaw(isOver).where("ended_at_ms", "<", ":before").delete()),
  };
}

function compileReads(
  compiler: Compiler,
): Pick<JournalStatements, "load" | "backlog" | "find" | "bySeq" | "counts" | "lastSeq"> {
  const { knex } = compiler;
  const jobs = () => knex("jobs");
  return {
    load: compiler.compile(
      jobs()
        .select(jobColumns)
        .where({ portal: ":portal", lane: ":lane" })
        .where("seq", ">", ":after")
        .whereRaw(isOpen)
        .orderBy("seq")
        .limit(limitPlaceholder),
    ),
    backlog: compiler.compile(
      jobs().select("portal", "lane").count("*").min("created_at_ms").whereRaw(isOpen).groupBy("portal", "lane"),
    ),
    find: new Map(
      findSizes.map((size) => [
        size,
        compiler.compile(
          jobs()
            .select(jobColumns)
            .whereIn(
              "key",
              Array.from({ length: size }, (_, index) => `:key${index}`),
            ),
        ),
      ]),
    ),
    bySeq: compiler.compile(jobs().select(jobColumns).where({ seq: ":seq" })),
    // the grouped half stands second: knex puts a grouping behind the whole union
    counts: compiler.compile(
      jobs()
        .select(knex.raw("'dead', count(*), null"))
        .whereRaw("state = 'dead'")
        .unionAll(jobs().select("state").count("*").min("created_at_ms").whereRaw(isOpen).groupBy("state")),
    ),
    lastSeq: compiler.compile(jobs().max("seq")),
  };
}

function compileDeadLetters(compiler: Compiler): Pick<JournalStatements, "dead" | "deadOfPortal" | "retry" | "shed"> {
  const jobs = () => compiler.knex("jobs");
  return {
    dead: compiler.compile(
      jobs().select(jobColumns).whereRaw("state = 'dead'").orderBy("seq", "desc").limit(limitPlaceholder),
    ),
    deadOfPortal: compiler.compile(
      jobs()
        .select(jobColumns)
        .whereRaw("state = 'dead'")
        .where({ portal: ":portal" })
        .orderBy("seq", "desc")
        .limit(limitPlaceholder),
    ),
    retry: compiler.compile(
      jobs().where({ seq: ":seq", state: "dead" }).update({
        seq: ":next",
        state: "queued",
        attempts: 0,
        not_before_ms: 0,
        delayed: 1,
        failure: null,
        ended_at_ms: null,
      }),
    ),
    shed: compiler.compile(
      jobs()
        .where({ portal: ":portal", lane: ":lane" })
        .whereRaw(isOpen)
        .where(
          "seq",
          "<=",
          // the newest of those that are too many; none: null, which is above nothing
          jobs()
            .select("seq")
            .where({ portal: ":portal", lane: ":lane" })
            .whereRaw(isOpen)
            .orderBy("seq", "desc")
            .limit(1)
            .offset(limitPlaceholder),
        )
        .update({ state: "dead", failure: ":failure", ended_at_ms: ":at" }),
    ),
  };
}

/** Keeps what a pure function of a small number gave. */
export function remember<T>(make: (size: number) => T): (size: number) => T {
  const made = new Map<number, T>();
  return (size) => {
    const known = made.get(size);
    if (known !== undefined) return known;
    const fresh = make(size);
    made.set(size, fresh);
    return fresh;
  };
}

const types: Readonly<Record<string, string>> = {
  seq: "bigint",
  attempts: "bigint",
  ended_at_ms: "bigint",
  not_before_ms: "bigint",
};

/** An update of many rows at once, from a list of values; both databases name its columns column1, column2, ... */
function compileMany(
  compiler: Compiler,
  sql: (column: (name: string) => string) => string,
  names: readonly string[],
): Statement {
  const column = (name: string) => `v.column${names.indexOf(name) + 1}`;
  const one = `(${names.map((name) => `cast(? as ${types[name] ?? "text"})`).join(", ")})`;
  const of = (rows: number): Knex.Raw => {
    const values = Array(rows).fill(one).join(", ");
    const bindings = Array(rows)
      .fill(names.map((name) => `:${name}`))
      .flat();
    return compiler.knex.raw(sql(column).replace("VALUES", `(values ${values}) as v`), bindings);
  };
  return compiler.compile(of(1), {
    of: remember((rows) => compiler.compile(of(rows))),
    keyOf: (params) => `jobs ${params[0]}`,
  });
}

const settleSql = (column: (name: string) => string): string => `
  update jobs set
    state = ${column("state")}, ended_at_ms = ${column("ended_at_ms")}, failure = ${column("failure")},
    body = case when ${column("state")} = 'dead' then jobs.body else '' end,
    plan = case when ${column("state")} = 'dead' then jobs.plan else null end,
    sent = case when ${column("state")} = 'dead' then jobs.sent else '[]' end
  from VALUES where jobs.seq = ${column("seq")} and jobs.state not in ('done', 'cancelled')`;

const updateSql = (column: (name: string) => string): string => {
  const columns = ["state", "attempts", "not_before_ms", "plan", "sent", "failure", "body"];
  const sets = columns.map((name) => `${name} = coalesce(${column(name)}, jobs.${name})`).join(", ");
  return `update jobs set ${sets} from VALUES where jobs.seq = ${column("seq")} and jobs.state in ('queued', 'parked')`;
};
