const STATIC_IMPORT = /(?:from|import)\s*"\.\/([^"]+)"/g;

/**
 * The scripts that a page loads before it shows anything: its own, and what that one imports. What is imported later by a call does
 * not count.
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
