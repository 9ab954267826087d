/** The little of the sanitiser's types that the tests use. */
declare module "sanitize-html" {
  interface Options {
    readonly allowedTags: readonly string[];
    readonly allowedAttributes: Readonly<Record<string, readonly string[]>>;
    readonly allowedClasses: Readonly<Record<string, readonly string[]>>;
    readonly allowedSchemes: readonly string[];
    readonly allowProtocolRelative: boolean;
    readonly selfClosing: readonly string[];
    readonly nestingLimit: number;
  }
  function sanitize(html: string, options: Options): string;
  export = sanitize;
}
