import { utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Owner, VirtualTime } from '../world/virtual-time.ts';
import type { ArrivedCall, SimulatedNetwork } from './network.ts';

/** Ports of HTTP on the simulated network. */
export interface SimulatedWeb {
  /** Replacement of `fetch` for all code of the process. Responses arrive in one piece. */
  readonly fetch: typeof globalThis.fetch;
  /** Opens the port of the process that runs now, under an origin. */
  serve(origin: string, handle: (request: Request) => Response | Promise<Response>): void;
}

interface Asked {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

interface Answered {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** A port shows no certificate to links, and asks for none. */
const NO_CERTIFICATE = new Uint8Array(32);
const TIMEOUT_MS = 600_000;

const encode = (message: Asked | Answered): Uint8Array => utf8Encode(JSON.stringify(message));
const decode = <T>(bytes: Uint8Array): T => JSON.parse(utf8Decode(bytes)) as T;

export function createSimulatedWeb(network: SimulatedNetwork, time: VirtualTime): SimulatedWeb {
  async function answer(call: ArrivedCall, handle: Parameters<SimulatedWeb['serve']>[1]): Promise<void> {
    const { url, method, headers, body } = decode<Asked>(call.bytes);
    const left = new AbortController();
    call.onLeft(() => left.abort());
    try {
      const request = new Request(url, { method, headers: headers.map(([name, value]) => [name, value]), body });
      Object.defineProperty(request, 'signal', { value: left.signal });
      const response = await handle(request);
      const type = response.headers.get('content-type') ?? '';
      call.answer({ kind: 'part', bytes: encode({ status: response.status, type, body: await response.text() }) });
      call.answer({ kind: 'end' });
    } catch (error) {
      call.answer({ kind: 'error', error });
    }
  }

  return {
    serve(origin, handle) {
      const owner = time.current() as Owner;
      network.listen(origin, { owner, certHash: NO_CERTIFICATE, receive: (call) => void answer(call, handle) });
    },
    async fetch(input, { method = 'GET', headers, body, signal } = {}) {
      signal?.throwIfAborted();
      const url = new URL(String(input));
      const bytes = encode({
        ...{ url: url.href, method, headers: [...new Headers(headers)] },
        body: typeof body === 'string' ? body : body ? utf8Decode(body as Uint8Array) : '',
      });
      return new Promise<Response>((resolve, reject) => {
        let answered: Answered | undefined;
        const leave = network.send({
          ...{ to: url.origin, certHash: NO_CERTIFICATE, caller: NO_CERTIFICATE, timeoutMs: TIMEOUT_MS },
          ...{ method: `Http/${method}`, bytes },
          onAnswer(part) {
            if (part.kind === 'part') answered = decode<Answered>(part.bytes);
            else if (part.kind === 'error' || answered === undefined) reject(new TypeError('fetch failed'));
            else resolve(toResponse(answered));
          },
          onLost: (why) => reject(new TypeError(`fetch failed: ${why}`)),
        });
        const cancel = (): void => {
          leave();
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', cancel, { once: true });
      });
    },
  };
}

const toResponse = ({ status, type, body }: Answered): Response =>
  new Response(body, { status, headers: { 'content-type': type } });
