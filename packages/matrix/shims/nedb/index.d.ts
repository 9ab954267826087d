declare class Datastore {
  constructor(...given: unknown[]);
}
export = Datastore;
