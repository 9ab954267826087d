declare function requestPromise(...given: unknown[]): never;
export = requestPromise;
