/**
 * The guards that `npm run proof` takes away one at a time, and for each the test that must go red when it is gone. `find` is an
 * exact piece of the file; it must occur exactly once.
 */
export interface Guard {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  readonly test: { readonly file: string; readonly name: string };
}

export const guards: readonly Guard[] = [];
