/**
 * Returns `parse` with a memory of the newest values, for rows that are read far more often than they change. The values are shared, so
 * callers must not change one. Errors of `parse` are not remembered.
 * @param most values kept at once.
 */
export function rememberParsed<T>(parse: (bytes: Uint8Array) => T, most: number): (bytes: Uint8Array) => T {
  const known = new Map<string, T>();
  return (bytes) => {
    const name = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    const kept = known.get(name);
    if (kept !== undefined) return kept;
    const value = parse(bytes);
    const oldest = known.size >= most ? known.keys().next().value : undefined;
    if (oldest !== undefined) known.delete(oldest);
    known.set(name, value);
    return value;
  };
}
