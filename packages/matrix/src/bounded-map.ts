/** A map that forgets its oldest entries: every cache of this package is one, so none can grow without end. */
export interface BoundedMap<K, V> {
  readonly size: number;
  get(key: K): V | undefined;
  /** Like `get`, and the entry counts as the newest again. */
  touch(key: K): V | undefined;
  has(key: K): boolean;
  set(key: K, value: V): void;
  delete(key: K): boolean;
  clear(): void;
  values(): Iterable<V>;
}

export function boundedMap<K, V>(entriesMax: number): BoundedMap<K, V> {
  const map = new Map<K, V>();
  return {
    get size() {
      return map.size;
    },
    get: (key) => map.get(key),
    touch(key) {
      const value = map.get(key);
      if (value !== undefined) {
        map.delete(key);
        map.set(key, value);
      }
      return value;
    },
    has: (key) => map.has(key),
    set(key, value) {
      if (map.size >= entriesMax && !map.has(key)) {
        const oldest = map.keys().next();
        if (!oldest.done) map.delete(oldest.value);
      }
      map.set(key, value);
    },
    delete: (key) => map.delete(key),
    clear: () => map.clear(),
    values: () => map.values(),
  };
}
