import { EngineError } from '../interface/engine-error.ts';
import { createTooLong, parseDocument } from './documents.ts';
import type { UpstreamLimits } from './upstream-limits.ts';

const NEWLINE = 0x0a;
const FIELD = 'data:';
const DONE = '[DONE]';

/**
 * The JSON documents of a stream of server-sent events, up to the event that says that it is over. Lines that are no data say nothing.
 * @throws EngineError if an event or the stream is too long, or no JSON, or where it ends without saying so.
 */
export async function* readEvents(
  address: string,
  parts: AsyncIterable<Uint8Array>,
  { maxEventBytes, maxStreamBytes }: Pick<UpstreamLimits, 'maxEventBytes' | 'maxStreamBytes'>,
): AsyncGenerator<unknown> {
  let held: Uint8Array = new Uint8Array();
  let size = 0;
  for await (const part of parts) {
    size += part.length;
    if (size > maxStreamBytes) throw createTooLong(address, maxStreamBytes);
    held = held.length === 0 ? part : Buffer.concat([held, part]);
    let from = 0;
    for (let at = held.indexOf(NEWLINE); at >= 0; at = held.indexOf(NEWLINE, from)) {
      const data = readData(held.subarray(from, at));
      from = at + 1;
      if (data === undefined) continue;
      if (data === DONE) return;
      if (data.length > maxEventBytes) throw createTooLong(address, maxEventBytes);
      yield parseDocument(address, Buffer.from(data));
    }
    held = held.subarray(from);
    if (held.length > maxEventBytes) throw createTooLong(address, maxEventBytes);
  }
  throw new EngineError('engine-crashed', `${address} broke off its answer before its end`, { retryable: true });
}

function readData(line: Uint8Array): string | undefined {
  const text = Buffer.from(line).toString('utf8').trim();
  return text.startsWith(FIELD) ? text.slice(FIELD.length).trim() : undefined;
}
