import type { ByteRange } from '../../store/blob-store.ts';

export interface RangeRequest {
  readonly url: URL;
  readonly range: ByteRange;
  readonly headers: Readonly<Record<string, string>>;
}

/** Encodes a GET for a range of bytes. @returns undefined for a header that would end its line. */
export function formatRangeRequest({ url, range: { from, to }, headers }: RangeRequest): string | undefined {
  const all = { host: url.host, range: `bytes=${from}-${to - 1}`, 'accept-encoding': 'identity', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  if (lines.some((line) => !/^[!-~]+: [ -~]*$/.test(line))) return undefined;
  return `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

export interface RangeHead {
  /** Whether the connection serves another request after the body. */
  readonly staysOpen: boolean;
}

const LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)$/;

/**
 * Parses the head of an answer, without the empty line at its end.
 * @returns undefined unless exactly the asked bytes follow, with their number before them and as they are.
 */
export function parseRangeHead(head: string, { from, to }: ByteRange): RangeHead | undefined {
  const [status = '', ...lines] = head.split('\r\n');
  if (!/^HTTP\/1\.1 206(?: |$)/.test(status)) return undefined;
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name = '', value = ''] = LINE.exec(line) ?? [];
    const key = name.toLowerCase();
    if (key === '' || (fields.has(key) && SINGLE.has(key))) return undefined;
    fields.set(key, value.trim());
  }
  const isWhole = fields.get('content-length') === `${to - from}` && !fields.has('transfer-encoding');
  const isAsked = fields.get('content-range')?.startsWith(`bytes ${from}-${to - 1}/`) === true;
  const isEncoded = fields.has('content-encoding') && fields.get('content-encoding') !== 'identity';
  if (!isWhole || !isAsked || isEncoded) return undefined;
  return { staysOpen: !/\bclose\b/i.test(fields.get('connection') ?? '') };
}

/** Fields that decide about the body. Two of them could contradict each other. */
const SINGLE: ReadonlySet<string> = new Set(['content-length', 'content-range', 'content-encoding', 'connection']);
