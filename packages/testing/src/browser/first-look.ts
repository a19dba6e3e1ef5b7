const STATIC_IMPORT = /(?:from|import)\s*"\.\/([^"]+)"/g;

/**
 * Measures the scripts that a page loads before it shows anything: its own and their static imports. Dynamic imports
 * do not count.
 * @returns bytes by file name.
 */
export async function collectFirstLook(
  name: string,
  read: (name: string) => Promise<Uint8Array>,
): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  const visit = async (one: string): Promise<void> => {
    if (found.has(one)) return;
    const bytes = await read(one);
    found.set(one, bytes);
    for (const [, next] of new TextDecoder().decode(bytes).matchAll(STATIC_IMPORT)) await visit(next as string);
  };
  await visit(name);
  return found;
}
