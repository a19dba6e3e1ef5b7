import { Agent, request as httpRequest } from 'node:http';
import type { TextEngine, TextGenerationRequest } from '@ogong/engine/interface/text';

/** When the chunks of a reply came. */
export interface ReplyTiming {
  readonly firstTextMs: number;
  /** Mean time between two pieces of text. */
  readonly perChunkMs: number;
}

function summarize(arrivals: readonly number[], startedMs: number): ReplyTiming {
  const [first, last] = [arrivals[0], arrivals.at(-1)];
  if (first === undefined || last === undefined) throw new Error('a reply without text');
  return { firstTextMs: first - startedMs, perChunkMs: (last - first) / Math.max(1, arrivals.length - 1) };
}

export async function timeEngine(engine: TextEngine, request: TextGenerationRequest): Promise<ReplyTiming> {
  const startedMs = performance.now();
  const arrivals: number[] = [];
  for await (const event of engine.generate(request)) {
    if (event.kind === 'token' && event.text !== '') arrivals.push(performance.now());
  }
  return summarize(arrivals, startedMs);
}

/** Times replies over one kept connection, so that no handshake is timed. */
export function createGatewayTimer(gatewayUrl: string): {
  /** @param onFirst called when the first text is here. */
  time(body: object, onFirst?: () => void): Promise<ReplyTiming>;
  close(): void;
} {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    async time(body, onFirst = () => {}) {
      const bytes = Buffer.from(JSON.stringify(body));
      const headers = { 'content-type': 'application/json', 'content-length': bytes.length };
      const startedMs = performance.now();
      const sent = httpRequest(`${gatewayUrl}/v1/chat/completions`, { method: 'POST', agent, headers });
      sent.setNoDelay(true);
      const { promise, resolve, reject } = Promise.withResolvers<ReplyTiming>();
      sent.once('error', reject);
      sent.once('response', (response) => {
        const arrivals: number[] = [];
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => {
          const atMs = performance.now();
          text += piece;
          const events = text.split('\n\n');
          text = events.pop() ?? '';
          for (const event of events) {
            if (!carriesText(event)) continue;
            if (arrivals.length === 0) onFirst();
            arrivals.push(atMs);
          }
        });
        response.once('error', reject);
        response.once('end', () => {
          if (response.statusCode === 200 && arrivals.length > 0) resolve(summarize(arrivals, startedMs));
          else reject(new Error(`the gateway answered ${response.statusCode}: ${text}`));
        });
      });
      sent.end(bytes);
      return promise;
    },
    close: () => agent.destroy(),
  };
}

function carriesText(event: string): boolean {
  if (!event.startsWith('data: {')) return false;
  const { error, choices } = JSON.parse(event.slice('data: '.length)) as {
    error?: { message: string };
    choices?: readonly { readonly delta?: { readonly content?: string } }[];
  };
  if (error) throw new Error(`the gateway broke off: ${error.message}`);
  return (choices?.[0]?.delta?.content ?? '') !== '';
}
