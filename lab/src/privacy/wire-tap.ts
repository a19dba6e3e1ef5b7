// Preloaded into the daemons of a test mesh. It keeps the bytes that each of them reads and writes on its streams, with TLS taken off. The
// environment names the directory: `<daemon>/<stream>.in` and `.out`. A test searches them for texts that a daemon must not see.
import { appendFileSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Duplex, Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** Names the directory. */
export const WIRE_TAP = 'OGONG_LAB_WIRE';
export const wireTapEntry = fileURLToPath(import.meta.url);

const directory = process.env[WIRE_TAP];
const dataDir = process.argv[process.argv.indexOf('--data-dir') + 1];

if (directory !== undefined && process.argv.includes('--data-dir') && dataDir !== undefined) {
  tap(join(directory, basename(dataDir)));
}

function tap(own: string): void {
  mkdirSync(own, { recursive: true });
  const numbers = new WeakMap<object, number>();
  let streams = 0;
  const keep = (stream: object, way: 'in' | 'out', chunk: unknown, encoding: unknown): void => {
    const bytes = toBytes(chunk, encoding);
    if (bytes === undefined) return;
    const number = numbers.get(stream) ?? ++streams;
    numbers.set(stream, number);
    appendFileSync(join(own, `${number}.${way}`), bytes);
  };
  // HTTP/2 streams, HTTP bodies and sockets all pass here; a socket that TLS or HTTP/2 has taken over does not.
  wrap(Readable.prototype, 'push', 'in');
  // A duplex has copies of these of its own.
  for (const prototype of [Writable.prototype, Duplex.prototype]) {
    wrap(prototype, 'write', 'out');
    wrap(prototype, 'end', 'out');
  }

  function wrap(prototype: object, name: 'push' | 'write' | 'end', way: 'in' | 'out'): void {
    const methods = prototype as Record<string, (...args: unknown[]) => unknown>;
    const original = methods[name] as (...args: unknown[]) => unknown;
    methods[name] = function (this: object, ...args: unknown[]) {
      keep(this, way, args[0], args[1]);
      return original.apply(this, args);
    };
  }
}

function toBytes(chunk: unknown, encoding: unknown): Uint8Array | undefined {
  if (typeof chunk === 'string') {
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  }
  return chunk instanceof Uint8Array ? chunk : undefined;
}
