/** An address without what may be a key: its path and user. */
export const nameEndpoint = (url: string): string => (URL.canParse(url) ? new URL(url).origin : url);

/** Causes behind an error are logged, too. */
const MOST_CAUSES = 16;

/** Has an error and its causes name the endpoint without what may be a key. */
export function hideKey(error: unknown, url: string): void {
  if (!URL.canParse(url)) return;
  const named = nameEndpoint(url);
  const bare = new URL(url);
  [bare.username, bare.password] = ['', ''];
  const shown = [url, bare.href];
  let one = error;
  for (let depth = 0; one instanceof Error && depth < MOST_CAUSES; depth++) {
    for (const part of ['message', 'stack'] as const) {
      const told = one[part] ?? '';
      const hidden = shown.reduce((text, address) => text.replaceAll(address, named), told);
      if (hidden !== told) one[part] = hidden;
    }
    one = one.cause;
  }
}
